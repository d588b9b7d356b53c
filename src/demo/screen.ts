/** What people see while the demo runs: acts, steps, remarks. Plain lines where no terminal is. */
import { clean } from '../cli/clean.ts';
import { wrap, type Colors, type Terminal } from '../cli/terminal.ts';

export interface Screen {
  title(text: string, below: string): void;
  act(number: number, title: string, story: string): void;
  /** One of the things that run: its name, what it is, where. */
  cast(name: string, what: string, where: string): void;
  /** A step of a rotation: when (milliseconds since it was requested), state, sentence. `within`: it stays in that state. */
  step(atMs: number, state: string, message: string, within: boolean): void;
  /** Something that happened beside the rotation. */
  event(tone: Tone, who: string, text: string): void;
  /** A line of a report: what it is about, and what it says. */
  row(label: string, text: string): void;
  /** From here on `text` is shown as `short`: names and paths that waste room. */
  shorten(text: string | RegExp, short: string): void;
  blank(): void;
  line(text: string): void;
  readonly colors: Colors;
  readonly width: number;
}

export type Tone = 'good' | 'bad' | 'note' | 'message';

const WIDEST = 110;
const STATE_WIDTH = 12;
const TIME_WIDTH = 7;
const INDENT = 3;

const STATE_PAINT: Readonly<Record<string, 'green' | 'red' | 'yellow' | 'magenta'>> = {
  done: 'green', rolled_back: 'yellow', aborted: 'yellow', rolling_back: 'red', aborting: 'red', blocked: 'red', promoting: 'magenta', draining: 'yellow', revoking: 'yellow',
};
const TONES = { good: ['✔', 'green'], bad: ['✘', 'red'], note: ['•', 'cyan'], message: ['✉', 'blue'] } as const satisfies Record<Tone, readonly [string, string]>;

const asItIs = (line: string): string => line;

export function openScreen(out: Pick<Terminal, 'interactive' | 'width' | 'line'>, colors: Colors): Screen {
  const width = Math.min(WIDEST, out.width);
  const pad = ' '.repeat(INDENT);
  const shortened: (readonly [string | RegExp, string])[] = [];
  /** A first part and the text beside it, wrapped under itself. `shown` is the first part with its colours, `under` what stands below it. */
  const beside = (plain: string, shown: string, said: string, paint: (line: string) => string, under = ' '.repeat(plain.length)): void => {
    const text = shortened.reduce((rest, [long, short]) => rest.replaceAll(long, short), said);
    const room = Math.max(24, width - INDENT - plain.length);
    const [first = '', ...rest] = out.interactive ? wrap(clean(text), room) : [clean(text)];
    out.line(pad + shown + paint(first));
    for (const line of rest) out.line(pad + under + paint(line));
  };
  return {
    colors,
    width,
    title(text, below) {
      out.line(`\n${colors.bold(colors.cyan(text))}`);
      for (const line of wrap(below, width)) out.line(colors.dim(line));
      out.line('');
    },
    act(number, title, story) {
      const head = ` Act ${number}  ${title} `;
      out.line(`\n${colors.bold(colors.inverse(head))}${colors.dim('─'.repeat(Math.max(0, width - head.length)))}`);
      for (const line of wrap(story, width - INDENT)) out.line(pad + colors.dim(line));
      out.line('');
    },
    cast(name, what, where) {
      out.line(`${pad}${colors.bold(name.padEnd(13))}${what.padEnd(46)}${colors.dim(where)}`);
    },
    step(atMs, state, message, within) {
      const time = `${(atMs / 1_000).toFixed(1)}s`.padStart(TIME_WIDTH);
      const name = (within ? '' : clean(state)).padEnd(STATE_WIDTH);
      const paint = colors[STATE_PAINT[state] ?? 'cyan'];
      beside(`${time}  ${name}  `, `${colors.dim(time)}  ${paint(name)}  `, message, within ? colors.dim : asItIs);
    },
    event(tone, who, text) {
      const [mark, color] = TONES[tone];
      const label = who.padEnd(STATE_WIDTH);
      beside(`${' '.repeat(TIME_WIDTH - 1)}${mark}  ${label}  `, `${' '.repeat(TIME_WIDTH - 1)}${colors[color](mark)}  ${colors.bold(label)}  `, text, asItIs);
    },
    row(label, text) {
      const [bar, name] = [' '.repeat(TIME_WIDTH - 1) + colors.dim('│'), label.padEnd(STATE_WIDTH)];
      beside(`${' '.repeat(TIME_WIDTH)}  ${name}  `, `${bar}  ${colors.bold(name)}  `, text, asItIs, bar + ' '.repeat(STATE_WIDTH + 4));
    },
    shorten: (text, short) => void shortened.push([text, short]),
    blank: () => out.line(''),
    line: (text) => out.line(text),
  };
}

/** Where output goes: a terminal with width and colours, or a pipe that wants plain lines. */
import pc from 'picocolors';
import { cleanJson } from './clean.ts';

export type Colors = ReturnType<typeof pc.createColors>;

export interface Terminal {
  /** True when people look at standard output. */
  readonly interactive: boolean;
  /** True when a person can be asked. */
  readonly canAsk: boolean;
  readonly width: number;
  readonly colors: Colors;
  line(text: string): void;
  json(value: unknown): void;
  /** To standard error: what is not part of the answer. */
  note(text: string): void;
}

export interface TerminalChoice {
  /** False for `--no-color`. */
  readonly color: boolean;
  /** `$NO_COLOR` is set. */
  readonly noColor: boolean;
  readonly term: string | undefined;
}

const DEFAULT_WIDTH = 80;

export function openTerminal(choice: TerminalChoice): Terminal {
  const { stdout, stderr, stdin } = process;
  const interactive = isTerminal(stdout);
  return {
    interactive,
    canAsk: isTerminal(stdin) && isTerminal(stderr),
    get width() { return stdout.columns > 0 ? stdout.columns : DEFAULT_WIDTH; },
    colors: pc.createColors(interactive && wantsColor(choice)),
    line: (text) => void stdout.write(`${text}\n`),
    json: (value) => void stdout.write(`${cleanJson(value)}\n`),
    note: (text) => void stderr.write(`${text}\n`),
  };
}

/** Node leaves `isTTY` out where it is false, whatever its types say. */
function isTerminal(stream: { readonly isTTY?: boolean }): boolean {
  return stream.isTTY ?? false;
}

/** Colours for standard error, which may be a terminal when standard output is none. */
export function errorColors(choice: TerminalChoice): Colors {
  return pc.createColors(isTerminal(process.stderr) && wantsColor(choice));
}

function wantsColor(choice: TerminalChoice): boolean {
  return choice.color && !choice.noColor && choice.term !== 'dumb';
}

/** `keyturn audit | head` closes our output early: that is no failure, and nothing is left to say. */
export function quietOnClosedPipe(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') process.exit(0);
      throw error;
    });
  }
}

/** Breaks text at spaces into lines of at most `width`; longer words stand alone. Lines after the first begin with `hang`: below the text of a list, not its mark. */
export function wrap(text: string, width: number, hang = ''): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = hang + word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}

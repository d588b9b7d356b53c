import type { Finding } from '../../app/operations.ts';
import { KeyturnError } from '../../core/errors.ts';
import { clean } from '../clean.ts';
import type { Cli, CommandSpec } from '../command.ts';
import { wrap, type Colors } from '../terminal.ts';

export const doctor: CommandSpec = {
  name: 'doctor',
  group: 'Look',
  summary: 'Is everything reachable and permitted, and is anything out of order?',
  details: 'Looks at every issuer, store, check, usage source and channel; and for keys of ours that nobody looks after, overdue revocations, keys that are gone at the issuer, stores that serve the wrong key, rotations that wait for a person, and watches about to end. Changes nothing. Asks the running worker; without one it looks by itself. With --settle it shows what it would do about each and why that is safe, asks, and has the worker do it; each is looked at again first, and nothing that Keyturn did not make is touched.',
  options: [
    ['--settle', 'put in order what can be, after asking'],
    ['--yes', 'with --settle: do not ask'],
    ['--reason <text>', 'with --settle: why, for the audit log'],
  ],
  exits: { 0: 'no problem; with --settle: none is left', 1: 'at least one problem; with --settle: not confirmed, or one is left' },
  async run(cli, given) {
    if (given.flag('settle')) return await (await import('../settling.ts')).settle(cli, given);
    for (const option of ['yes', 'reason']) {
      if (given.flag(option) || given.text(option) !== undefined) throw new KeyturnError('USAGE', `--${option} goes with --settle.`, { todo: 'Add --settle, or leave it out.' });
    }
    const { asking } = await import('../asking.ts');
    const findings = await asking(cli, (questions) => questions.doctor());
    if (cli.json) cli.out.json(findings);
    else if (cli.out.interactive) tell(cli, findings);
    else await lines(cli, findings);
    return findings.some((finding) => finding.level === 'problem') ? 1 : 0;
  },
};

async function lines(cli: Cli, findings: readonly Finding[]): Promise<void> {
  const { plain } = await import('../table.ts');
  plain(cli.out, findings, [
    { head: 'LEVEL', exact: (row) => row.level },
    { head: 'SUBJECT', exact: (row) => row.subject },
    { head: 'NAME', exact: (row) => row.name },
    { head: 'MESSAGE', exact: (row) => `${row.message}${row.leftAlone === undefined ? '' : ` Left alone, because ${row.leftAlone}.`}` },
  ]);
}

const MARKS: Readonly<Record<Finding['level'], (colors: Colors) => string>> = {
  ok: (colors) => colors.green('✓'),
  warning: (colors) => colors.yellow('!'),
  problem: (colors) => colors.red('✗'),
};

function textOf({ name, message, leftAlone }: Finding): string {
  return `${name === '' ? '' : `${name}: `}${message}${leftAlone === undefined ? '' : ` Left alone, because ${leftAlone}.`}`;
}

function tell({ out }: Cli, findings: readonly Finding[]): void {
  const subjectWidth = Math.max(0, ...findings.map((finding) => finding.subject.length));
  for (const finding of findings) {
    const lead = `  ${clean(finding.subject).padEnd(subjectWidth)}  `;
    const body = wrap(clean(textOf(finding)), out.width - lead.length);
    out.line(`${MARKS[finding.level](out.colors)} ${out.colors.dim(lead.slice(2))}${body[0] ?? ''}`);
    for (const line of body.slice(1)) out.line(`${' '.repeat(lead.length)}${line}`);
  }
  const count = (level: Finding['level']): number => findings.filter((finding) => finding.level === level).length;
  const [problems, warnings] = [count('problem'), count('warning')];
  out.line('');
  out.line(problems > 0
    ? out.colors.red(`${problems} problem${problems === 1 ? '' : 's'}, ${warnings} warning${warnings === 1 ? '' : 's'}.`)
    : out.colors.green(`No problem${warnings === 0 ? '' : `, ${warnings} warning${warnings === 1 ? '' : 's'}`}.`));
  const settling = findings.filter((finding) => finding.settle !== undefined).length;
  if (settling > 0) out.line(`${settling} of them can be put in order: \`keyturn doctor --settle\` shows how, and asks.`);
}

import type { Finding } from '../../app/operations.ts';
import { clean } from '../clean.ts';
import type { Cli, CommandSpec } from '../command.ts';
import { wrap, type Colors } from '../terminal.ts';

export const doctor: CommandSpec = {
  name: 'doctor',
  group: 'Look',
  summary: 'Is every issuer, store, check and channel reachable and permitted?',
  details: 'Changes nothing. Asks the running worker; without one it looks by itself.',
  exits: { 1: 'at least one problem' },
  async run(cli) {
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
    { head: 'MESSAGE', exact: (row) => row.message },
  ]);
}

const MARKS: Readonly<Record<Finding['level'], (colors: Colors) => string>> = {
  ok: (colors) => colors.green('✓'),
  warning: (colors) => colors.yellow('!'),
  problem: (colors) => colors.red('✗'),
};

function tell({ out }: Cli, findings: readonly Finding[]): void {
  const subjectWidth = Math.max(0, ...findings.map((finding) => finding.subject.length));
  for (const finding of findings) {
    const lead = `  ${clean(finding.subject).padEnd(subjectWidth)}  `;
    const body = wrap(clean(finding.name === '' ? finding.message : `${finding.name}: ${finding.message}`), out.width - lead.length);
    out.line(`${MARKS[finding.level](out.colors)} ${out.colors.dim(lead.slice(2))}${body[0] ?? ''}`);
    for (const line of body.slice(1)) out.line(`${' '.repeat(lead.length)}${line}`);
  }
  const count = (level: Finding['level']): number => findings.filter((finding) => finding.level === level).length;
  const [problems, warnings] = [count('problem'), count('warning')];
  out.line('');
  out.line(problems > 0
    ? out.colors.red(`${problems} problem${problems === 1 ? '' : 's'}, ${warnings} warning${warnings === 1 ? '' : 's'}.`)
    : out.colors.green(`No problem${warnings === 0 ? '' : `, ${warnings} warning${warnings === 1 ? '' : 's'}`}.`));
}

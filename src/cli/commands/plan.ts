import type { PlanEntry } from '../../app/operations.ts';
import { clean } from '../clean.ts';
import type { Cli, CommandSpec } from '../command.ts';
import { wrap } from '../terminal.ts';
import { relative } from '../times.ts';

export const plan: CommandSpec = {
  name: 'plan',
  group: 'Look',
  summary: 'What would happen to each credential, when, and what blocks it',
  details: 'Changes nothing. Asks the running worker; without one it looks by itself.',
  args: [['[credential]', 'only this credential']],
  async run(cli, given) {
    const { asking } = await import('../asking.ts');
    const entries = await asking(cli, (questions) => questions.plan(given.args[0]));
    if (cli.json) cli.out.json(entries);
    else if (cli.out.interactive) for (const entry of entries) tell(cli, entry);
    else await lines(cli, entries);
    return 0;
  },
};

async function lines(cli: Cli, entries: readonly PlanEntry[]): Promise<void> {
  const { plain } = await import('../table.ts');
  plain(cli.out, entries, [
    { head: 'CREDENTIAL', exact: (row) => row.credential },
    { head: 'ACTION', exact: (row) => row.action },
    { head: 'AT', exact: (row) => row.at ?? '-' },
    { head: 'BLOCKED BY', exact: (row) => row.blockedBy.join('; ') || '-' },
    { head: 'WHAT', exact: (row) => row.what },
  ]);
}

const PAINT: Readonly<Record<string, 'green' | 'red' | 'yellow' | 'cyan' | 'dim'>> = {
  rotate: 'cyan', bootstrap: 'cyan', adopt: 'cyan', continue: 'cyan', blocked: 'red', nothing: 'dim',
};

function tell({ out }: Cli, entry: PlanEntry): void {
  const { colors } = out;
  const when = entry.at === null ? '' : ` ${relative(entry.at)} (${entry.at})`;
  const indented = (text: string, lead: string): void => wrap(clean(text), out.width - lead.length).forEach((line, at) => out.line(`${at === 0 ? lead : ' '.repeat(lead.length)}${line}`));
  out.line(`${colors.bold(clean(entry.credential))}  ${colors[PAINT[entry.action] ?? 'yellow'](clean(entry.action))}${colors.dim(clean(when))}`);
  indented(entry.what, '  ');
  entry.steps.forEach((step, at) => indented(step, `  ${at + 1}. `));
  for (const block of entry.blockedBy) indented(block, '  ! ');
}

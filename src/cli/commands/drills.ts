import type { CommandSpec } from '../command.ts';

export const drills: CommandSpec = {
  name: 'drills',
  group: 'Look',
  summary: 'Drills of the emergency path, newest first, with how long revoking and recovering took',
  details: 'STATE is running, passed, failed (a real emergency may fare the same), or given_up (it could not be tried). REVOKE and RECOVER count from the emergency being accepted (in a pipe as milliseconds): to the revocation confirmed by the issuer, and to the replacement being read back in its place. Below, how the last ten of each credential fared.',
  options: [
    ['--credential <credential>', 'only of this credential'],
    ['--limit <number>', 'at most this many (default 50)'],
  ],
  async run(cli, given) {
    const [{ countOf, filterOf }, { DRILL_COLUMNS, printTrends }, { list }] = await Promise.all([import('../given.ts'), import('../drill-view.ts'), import('../table.ts')]);
    const filter = { ...filterOf(given, ['credential']), limit: countOf(given, 'limit', 50, 1_000) };
    const view = await (await cli.worker()).drills(filter);
    if (cli.json) {
      cli.out.json(view);
      return 0;
    }
    await list(cli.out, false, view.drills, DRILL_COLUMNS, 'There was no drill yet. Begin one with `keyturn drill <credential> --wait`.');
    printTrends(cli.out, view.trends);
    return 0;
  },
};

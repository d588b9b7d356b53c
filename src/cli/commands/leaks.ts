import type { CommandSpec } from '../command.ts';

export const leaks: CommandSpec = {
  name: 'leaks',
  group: 'Look',
  summary: 'Leaked keys that were reported, and what became of each',
  details: 'OUTCOME is emergency (a current key, revoked and replaced), older_key (only that key is revoked), already_condemned, already_revoked, told (nothing is revoked), unmanaged (it looks like a key of an issuer of yours), unknown (none of ours), unreadable, or waiting. Secrets that are none of ours and do not look so are only counted.',
  options: [
    ['--open', 'only those that are still worked on'],
    ['--credential <credential>', 'only keys of this credential'],
    ['--source <name>', 'only what this leak source reported'],
    ['--limit <number>', 'at most this many (default 50)'],
  ],
  async run(cli, given) {
    const { countOf, filterOf } = await import('../given.ts');
    const { LEAK_COLUMNS, printSources } = await import('../leaks-view.ts');
    const { list } = await import('../table.ts');
    const client = await cli.worker();
    const view = await client.leaks({ ...filterOf(given, ['credential', 'source']), ...(given.flag('open') ? { open: true } : {}), limit: countOf(given, 'limit', 50, 1_000) });
    if (cli.json) {
      cli.out.json(view);
      return 0;
    }
    await list(cli.out, false, view.leaks, LEAK_COLUMNS, given.flag('open') ? 'No reported leak is worked on.' : 'No leak of a key of yours was reported.');
    printSources(cli.out, view.sources);
    return 0;
  },
};

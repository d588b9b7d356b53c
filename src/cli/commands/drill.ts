import type { Client } from '../../api/client.ts';
import { EXIT, KeyturnError } from '../../core/errors.ts';
import type { Cli, CommandSpec, Given } from '../command.ts';

export const drill: CommandSpec = {
  name: 'drill',
  group: 'Change',
  summary: 'Try the whole emergency path with a throw-away key of the same issuer, and measure it',
  details: 'A key with the scopes of the credential is issued, revoked as if it had leaked, and replaced; then all of it is revoked. Keys, stores, hooks and applications of the credential are not touched. Wants two free key slots at the issuer. Shows what it will do and asks first on a terminal. docs/drills.md tells what is tried and what is not.',
  args: [['<credential>', 'the credential whose emergency is tried']],
  options: [
    ['--reason <text>', 'why, for the audit log'],
    ['--yes', 'do not ask'],
    ['--wait', 'show what it does until it is over'],
    ['--timeout <duration>', 'with --wait: stop watching after this long, e.g. 90s, 10m (the drill goes on)'],
  ],
  exits: { 0: 'begun; with --wait: passed', 1: 'with --wait: failed, or not over in time', 4: 'something stands in its way, and nothing was made; with --wait: given up', 5: 'no credential of that name is declared', 130: 'Ctrl-C during --wait: the drill goes on' },
  async run(cli, given) {
    const credential = given.args[0] ?? '';
    const { timeoutOf } = await import('../requested.ts');
    const timeoutMs = timeoutOf(given);
    const client = await cli.worker();
    if (!(await agreed(cli, given, client, credential))) {
      cli.out.note('No drill was begun.');
      return EXIT.failed;
    }
    const begun = await client.beginDrill(credential, cli.actor((given.text('reason') ?? '').trim()));
    if (given.flag('wait')) {
      if (!cli.json) cli.out.note(`Drill ${begun.id} has begun.`);
      return await (await import('../drill-watch.ts')).watchDrill(cli, client, begun, timeoutMs);
    }
    if (cli.json) cli.out.json(begun);
    else if (cli.out.interactive) cli.out.line(`Drill ${begun.id} has begun. Follow it with \`keyturn drills show ${begun.id}\`.`);
    else (await import('../drill-view.ts')).printDrill(cli.out, begun);
    return EXIT.ok;
  },
};

/** What stands in its way is said before anybody is asked. */
async function agreed(cli: Cli, given: Given, client: Client, credential: string): Promise<boolean> {
  if (given.flag('yes')) return true;
  if (!cli.out.canAsk) throw new KeyturnError('USAGE', 'A drill issues and revokes keys, and nobody can be asked here.', { todo: 'Add --yes if that is what you want.', effect: 'none' });
  const plan = await planOf(client, credential);
  const [obstacle] = plan.blockedBy;
  if (obstacle !== undefined) throw new KeyturnError('BLOCKED', `${obstacle.why} No drill was begun.`, { effect: 'none', todo: obstacle.todo });
  const [{ ask }, { showDrillPlan }] = await Promise.all([import('../ask.ts'), import('../drill-view.ts')]);
  showDrillPlan(cli.out, plan);
  return ask('Begin?');
}

/** Of a name that is unknown the nearest one is said. */
async function planOf(client: Client, credential: string): ReturnType<Client['drillPlan']> {
  try {
    return await client.drillPlan(credential);
  } catch (error) {
    if (error instanceof KeyturnError && error.code === 'UNKNOWN_CREDENTIAL') await (await import('../declared.ts')).declared(client, credential);
    throw error;
  }
}

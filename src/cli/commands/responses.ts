import type { CommandSpec } from '../command.ts';
import { KeyturnError } from '../../core/errors.ts';

export const responses: CommandSpec = {
  name: 'responses',
  group: 'Look',
  summary: 'What critical findings were answered with, where a policy says so',
  details: 'STATE is waiting (a person is asked), accepted (the key is about to be revoked), done (its revocation was begun), moot (it was dead or dying anyway), declined, expired (nobody decided in time), tripped (the circuit breaker held it back) or withheld (the credential is protected, or its key was never proved). docs/auto-response.md tells it all.',
  options: [
    ['--open', 'only those that wait for a person, or to be carried out'],
    ['--state <state>', 'only those in this state'],
    ['--credential <credential>', 'only about this credential'],
    ['--limit <number>', 'at most this many (default 50)'],
  ],
  async run(cli, given) {
    const { countOf, filterOf } = await import('../given.ts');
    const { printBreaker, RESPONSE_COLUMNS } = await import('../responses-view.ts');
    const { RESPONSE_STATES } = await import('../../core/response.ts');
    const { list } = await import('../table.ts');
    const wanted = given.text('state');
    const state = RESPONSE_STATES.find((one) => one === wanted);
    if (wanted !== undefined && state === undefined) throw new KeyturnError('USAGE', `--state takes one of ${RESPONSE_STATES.join(', ')}.`, { todo: 'For example --state tripped.' });
    const client = await cli.worker();
    const view = await client.responses({ ...filterOf(given, ['credential']), ...(state === undefined ? {} : { state }), ...(given.flag('open') ? { open: true } : {}), limit: countOf(given, 'limit', 50, 1_000) });
    if (cli.json) {
      cli.out.json(view);
      return 0;
    }
    await list(cli.out, false, view.responses, RESPONSE_COLUMNS, given.flag('open') ? 'No response waits for anything.' : 'No finding was answered with a response.');
    printBreaker(cli.out, view.breaker);
    return 0;
  },
};

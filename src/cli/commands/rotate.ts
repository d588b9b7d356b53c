import type { CommandSpec } from '../command.ts';
import { KeyturnError } from '../../core/errors.ts';

export const rotate: CommandSpec = {
  name: 'rotate',
  group: 'Change',
  summary: 'Rotate credentials now: new key, proof, then the old key goes',
  details: 'Names the credentials, or takes all of an owner. Without --wait it returns once the rotation is recorded; the worker goes on by itself. A credential that has an open rotation keeps that one.',
  args: [['[credential...]', 'credentials to rotate']],
  options: [
    ['--owner <owner>', 'every credential of this owner'],
    ['--reason <text>', 'why, for the audit log'],
    ['--wait', 'show each step as it happens, until the rotation ends or a person is needed'],
    ['--timeout <duration>', 'with --wait: stop watching after this long, e.g. 90s, 10m (the rotation goes on)'],
  ],
  exits: { 0: 'requested; with --wait: done', 1: 'with --wait: aborted, rolled back, or still running at --timeout', 4: 'paused; with --wait: blocked, a person must act', 130: 'Ctrl-C during --wait: the rotation goes on' },
  async run(cli, given) {
    const owner = given.text('owner');
    if ((owner === undefined) === (given.args.length === 0)) {
      throw new KeyturnError('USAGE', 'Name either credentials or an --owner to rotate.', { todo: 'For example `keyturn rotate prod-api-server`; `keyturn status` lists them.' });
    }
    const { timeoutOf, requested } = await import('../requested.ts');
    const timeoutMs = timeoutOf(given);
    const client = await cli.worker();
    const answer = await client.rotate(owner === undefined ? { credentials: [...new Set(given.args)] } : { owner }, cli.actor(given.text('reason') ?? ''));
    return requested(cli, client, answer, { wait: given.flag('wait'), timeoutMs });
  },
};

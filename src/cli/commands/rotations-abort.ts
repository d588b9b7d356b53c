import type { CommandSpec } from '../command.ts';

export const rotationsAbort: CommandSpec = {
  name: 'rotations abort',
  group: 'Change',
  summary: 'Give a rotation up: the old key stays, or is put back',
  details: 'A request: the worker carries it out at its next step, also while it holds the rotation. Before stores change, the new key is revoked and nothing else happens; afterwards the old key is published again first. Refused where there is no way back (an emergency, a policy that revoked the old key first, a revocation under way). The schedule does not ask for the same occurrence again at once.',
  args: [['<id>', 'its id, or the beginning of it']],
  options: [['--reason <text>', 'why, for the audit log']],
  exits: { 0: 'asked; the worker carries it out', 1: 'the rotation has ended, or has no way back', 5: 'there is no such rotation' },
  async run(cli, given) {
    const { printAsked } = await import('../asked.ts');
    const client = await cli.worker();
    printAsked(cli, await client.abortRotation(given.args[0] ?? '', cli.actor(given.text('reason') ?? '')));
    return 0;
  },
};

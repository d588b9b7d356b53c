import type { CommandSpec } from '../command.ts';

export const rotationsResume: CommandSpec = {
  name: 'rotations resume',
  group: 'Change',
  summary: 'Have a rotation look again now',
  details: 'Clears its back-off and tries open revocation debts of its credential at once. Skips no proof and no wait of the policy; safe at any time.',
  args: [['<id>', 'its id, or the beginning of it']],
  options: [['--reason <text>', 'why, for the audit log']],
  exits: { 1: 'the rotation has ended', 5: 'there is no such rotation' },
  async run(cli, given) {
    const { printAsked } = await import('../asked.ts');
    const client = await cli.worker();
    printAsked(cli, await client.resumeRotation(given.args[0] ?? '', cli.actor(given.text('reason') ?? '')));
    return 0;
  },
};

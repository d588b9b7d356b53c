import type { CommandSpec } from '../command.ts';

export const rotationsShow: CommandSpec = {
  name: 'rotations show',
  group: 'Look',
  summary: 'One rotation: where it stands and why, what you can do, and every step it took',
  details: 'Between the steps it says where a worker died or lost its lease and which one went on, and what people asked. Names that it used at the issuer, what was seen before a key was revoked, and open debts come with it.',
  args: [['<id>', 'its id, or the beginning of it']],
  async run(cli, given) {
    const client = await cli.worker();
    const rotation = await client.rotation(given.args[0] ?? '');
    if (cli.json) {
      cli.out.json(rotation);
      return 0;
    }
    const { printRotation } = await import('../rotation-view.ts');
    printRotation(cli.out, rotation);
    return 0;
  },
};

import type { CommandSpec } from '../command.ts';

export const demo: CommandSpec = {
  name: 'demo',
  group: 'Try out',
  summary: 'Watch real rotations end to end, what is found in usage, and the death of a leaked key, in under two minutes, on this machine alone',
  details: 'Starts a sandbox, an application that never stops calling, catchers for mail and Slack, and a worker. --json prints one JSON object as the last line.',
  exits: { 1: 'a promise was broken' },
  async run(cli) {
    const { runDemo } = await import('../../demo/index.ts');
    return runDemo({ json: cli.json, out: cli.out });
  },
};

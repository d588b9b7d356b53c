import type { CommandSpec } from '../command.ts';

export const resume: CommandSpec = {
  name: 'resume',
  group: 'Change',
  summary: 'Take back a pause of the same scope',
  details: 'What became due meanwhile rotates once each, paced per issuer.',
  args: [['[credential]', 'the credential to resume']],
  options: [
    ['--issuer <issuer>', 'the pause of this issuer'],
    ['--all', 'the pause of everything (pauses of single credentials and issuers stay)'],
    ['--reason <text>', 'why, for the audit log'],
  ],
  async run(cli, given) {
    const { scopeOf, scopeText } = await import('../scope.ts');
    const scope = scopeOf(given);
    const client = await cli.worker();
    const { wasPaused } = await client.resume(scope, cli.actor(given.text('reason') ?? ''));
    if (cli.json) cli.out.json({ ...scope, wasPaused });
    else cli.out.line(wasPaused ? `Resumed ${scopeText(scope)}.` : `Nothing to resume: ${scopeText(scope)} was not paused.`);
    return 0;
  },
};

import type { CommandSpec } from '../command.ts';
import { requiredReason } from '../reason.ts';

export const pause: CommandSpec = {
  name: 'pause',
  group: 'Change',
  summary: 'Start no rotation of one credential, one issuer, or at all',
  details: 'Rotations that run already go on; emergencies (`keyturn revoke`) are never paused. Stays until `keyturn resume`, over restarts too.',
  args: [['[credential]', 'the credential to pause']],
  options: [
    ['--issuer <issuer>', 'every credential of this issuer'],
    ['--all', 'everything'],
    ['--reason <text>', 'why, for the audit log and for whoever finds it paused (required)'],
  ],
  async run(cli, given) {
    const { scopeOf, scopeText } = await import('../scope.ts');
    const scope = scopeOf(given);
    const reason = requiredReason(given, 'A pause', 'release freeze until Monday');
    const client = await cli.worker();
    await client.pause(scope, cli.actor(reason));
    if (cli.json) cli.out.json({ ...scope, paused: true });
    else cli.out.line(`Paused ${scopeText(scope)}. Take it back with \`keyturn resume${scope.scope === 'credential' ? ` ${scope.name}` : scope.scope === 'issuer' ? ` --issuer ${scope.name}` : ' --all'}\`.`);
    return 0;
  },
};

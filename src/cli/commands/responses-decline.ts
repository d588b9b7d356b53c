import type { CommandSpec } from '../command.ts';
import { requiredReason } from '../reason.ts';

export const responsesDecline: CommandSpec = {
  name: 'responses decline',
  group: 'Change',
  summary: 'Leave the key alive that a finding asks about',
  details: 'Nobody is asked again about this incident. The alert goes on until it is over.',
  args: [['<id>', 'its id, or the beginning of it']],
  options: [['--reason <text>', 'why, for the audit log (required)']],
  exits: { 0: 'declined', 1: 'it waits for no decision any more', 5: 'there is no such response' },
  async run(cli, given) {
    const reason = requiredReason(given, 'A refusal', 'that is our new office');
    const client = await cli.worker();
    const response = await client.declineResponse(given.args[0] ?? '', cli.actor(reason));
    if (cli.json) cli.out.json(response);
    else cli.out.line(`Declined: key ${response.issuerKeyId ?? ''} of ${response.credential} stays alive.`);
    return 0;
  },
};

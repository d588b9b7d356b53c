import type { CommandSpec } from '../command.ts';
import { requiredReason } from '../reason.ts';

export const responsesApprove: CommandSpec = {
  name: 'responses approve',
  group: 'Change',
  summary: 'Have the key revoked and replaced that a finding asks about',
  details: 'The same as the link in the message. `keyturn responses --open` lists what waits. The key that the finding names dies, and no other.',
  args: [['<id>', 'its id, or the beginning of it']],
  options: [['--reason <text>', 'why, for the audit log (required)']],
  exits: { 0: 'approved', 1: 'it waits for no decision any more', 5: 'there is no such response', 6: 'the key is dead already: nothing was changed' },
  async run(cli, given) {
    const reason = requiredReason(given, 'An approval', 'the address is none of ours');
    const client = await cli.worker();
    const response = await client.approveResponse(given.args[0] ?? '', cli.actor(reason));
    if (cli.json) cli.out.json(response);
    else cli.out.line(`Approved: key ${response.issuerKeyId ?? ''} of ${response.credential} is being revoked. Follow it: \`keyturn rotations --credential ${response.credential}\`.`);
    return 0;
  },
};

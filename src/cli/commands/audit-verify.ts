import type { CommandSpec } from '../command.ts';
import { KeyturnError } from '../../core/errors.ts';

export const auditVerify: CommandSpec = {
  name: 'audit verify',
  group: 'Look',
  summary: 'Prove that no audit event was changed, removed or reordered',
  details: 'Keep the printed head elsewhere: it proves later that nothing was cut off the end.',
  exits: { 1: 'the chain is broken; the first bad event is named' },
  async run(cli) {
    const client = await cli.worker();
    const verdict = await client.verifyAudit();
    if (cli.json) cli.out.json(verdict);
    if (verdict.ok) {
      if (!cli.json) cli.out.line(`${verdict.events} events, ${verdict.sealed} sealed, and the chain is whole. Head: ${verdict.head ?? 'none yet'}`);
      return 0;
    }
    const { firstBad } = verdict;
    throw new KeyturnError('AUDIT_BROKEN', firstBad === null ? 'The audit chain is broken.' : `The audit chain is broken at event ${firstBad.seq}: ${firstBad.why}.`, {
      todo: 'Somebody or something changed the ledger: keep a copy of it, and compare with a backup.',
    });
  },
};

import type { CommandSpec } from '../command.ts';
import { anchorText, parseAnchor, type Anchor } from '../../core/anchor.ts';
import { KeyturnError } from '../../core/errors.ts';

export const auditVerify: CommandSpec = {
  name: 'audit verify',
  group: 'Look',
  summary: 'Prove that no audit event was changed, removed or reordered',
  details: 'It prints the chain\'s end as `<seq>:<hash>`, which also stands in each daily summary and in the log. Given back with --anchor, it proves that nothing was cut off or replaced since, not even by an older copy of the whole ledger.',
  options: [['--anchor <seq:hash...>', 'an end of the chain that was kept elsewhere; repeatable']],
  exits: { 1: 'the chain is broken, or does not hold an anchor; the first bad event is named' },
  async run(cli, given) {
    const anchors = given.list('anchor').map(anchorOf);
    const client = await cli.worker();
    const verdict = await client.verifyAudit(anchors);
    if (cli.json) cli.out.json(verdict);
    const { head, sealed, firstBad } = verdict;
    if (verdict.ok) {
      const held = anchors.length === 0 ? '' : ` and holds ${anchors.length === 1 ? 'the anchor' : `all ${anchors.length} anchors`}`;
      if (!cli.json) cli.out.line(`${verdict.events} events, ${sealed} sealed, and the chain is whole${held}. Head: ${head === null ? 'none yet' : anchorText({ seq: sealed, hash: head })}`);
      return 0;
    }
    throw new KeyturnError('AUDIT_BROKEN', firstBad === null ? 'The audit chain is broken.' : `The audit chain is broken at event ${firstBad.seq}: ${firstBad.why}.`, {
      todo: 'Somebody or something changed the ledger, or put an older copy of it back: keep a copy of it, and compare with a backup.',
    });
  },
};

function anchorOf(text: string): Anchor {
  const anchor = parseAnchor(text);
  if (anchor !== null) return anchor;
  throw new KeyturnError('USAGE', `--anchor takes <seq>:<hash>, and ${JSON.stringify(text.slice(0, 80))} is not that.`, {
    todo: 'Copy it from a daily summary, from the log (`auditHead`), or from what `keyturn audit verify` printed.', effect: 'none',
  });
}

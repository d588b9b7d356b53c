import type { Matcher, Silence } from '../../core/alert.ts';
import { matcherText } from '../../core/matcher.ts';
import { scrub } from '../../core/secret.ts';
import type { Actor } from '../../core/vocabulary.ts';
import type { AuditEntry } from '../../ports/ledger.ts';
import type { AlertLedger } from '../../ports/alert-ledger.ts';
import { appendAudit } from '../audit.ts';
import { newId } from '../ids.ts';
import type { Row } from '../rows.ts';
import { NOW, bounded, inTransaction, json, nowPlus, type Db } from '../sql.ts';
import { ambiguous, ID_OR_PREFIX } from './read.ts';

export function silenceMethods(db: Db): Pick<AlertLedger, 'silences' | 'addSilence' | 'endSilence'> {
  return {
    async silences({ active }, page) {
      let query = db.selectFrom('silences').selectAll();
      if (active === true) query = query.where('ended_by', 'is', null).where('ends_at', '>', NOW);
      return (await query.orderBy('ends_at', 'desc').orderBy('id', 'desc').limit(bounded(page)).execute()).map(toSilence);
    },
    addSilence: (matchers, forMs, actor) =>
      inTransaction(db, async (tx) => {
        const row = { id: newId(), matchers: scrub(json(matchers)), actor: scrub(json(actor)), created_at: NOW, ends_at: nowPlus(forMs) };
        const made = await tx.insertInto('silences').values(row).returningAll().executeTakeFirstOrThrow();
        await appendAudit(tx, [audited('silence.set', actor, made.id, matchers)]);
        return toSilence(made);
      }),
    endSilence: (idOrPrefix, actor) =>
      inTransaction(db, async (tx) => {
        const prefix = idOrPrefix.toUpperCase();
        if (!ID_OR_PREFIX.test(prefix)) return null;
        const [found, another] = await tx.selectFrom('silences').selectAll().where('id', '>=', prefix).where('id', '<', `${prefix}~`).orderBy('id').limit(2).forUpdate().execute();
        if (another !== undefined) throw ambiguous('silence', prefix);
        if (found === undefined) return null;
        const ended = await tx.updateTable('silences').set({ ended_by: scrub(json(actor)), ends_at: NOW })
          .where('id', '=', found.id).where('ended_by', 'is', null).where('ends_at', '>', NOW).returningAll().executeTakeFirst();
        if (ended === undefined) return { silence: toSilence(found), ended: false };
        await appendAudit(tx, [audited('silence.ended', actor, found.id, toSilence(found).matchers)]);
        return { silence: toSilence(ended), ended: true };
      }),
  };
}

function audited(type: string, actor: Actor, id: string, matchers: readonly Matcher[]): AuditEntry {
  const [credential] = matchers.filter(({ field, pattern }) => field === 'credential' && !pattern.includes('*'));
  return { type, actor, credential: credential?.pattern ?? null, rotationId: null, keyId: null, detail: { silence: id, matchers: matchers.map(matcherText) } };
}

function toSilence(row: Row<'silences'>): Silence {
  return { id: row.id, matchers: row.matchers as readonly Matcher[], actor: row.actor as Actor, createdAt: row.created_at, endsAt: row.ends_at, endedBy: row.ended_by as Actor | null };
}

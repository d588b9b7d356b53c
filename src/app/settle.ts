/** `doctor --settle`: what `doctor` found is put in order, through the worker that also does everything else. */
import type { Actor } from '../core/vocabulary.ts';
import { findDisorders, requireDisorderId, settleDisorder } from '../rotation/disorders/index.ts';
import type { Context } from './context.ts';
import type { Finding, SettledFinding } from './operations.ts';

const LOOK_MS = 60_000;

/** Findings about what is not in order; changes nothing. */
export async function disorders(context: Context): Promise<readonly Finding[]> {
  const found = await findDisorders(context.engine, await declaredRecords(context), AbortSignal.timeout(LOOK_MS));
  return found.map(({ id, disorder }): Finding => {
    const { subject, name, level, message, leftAlone, settle: plan } = disorder;
    return {
      subject, name, level, message,
      ...(plan === null ? {} : { settle: { id, does: plan.does, safe: plan.safe } }),
      ...(leftAlone === null ? {} : { leftAlone }),
    };
  });
}

/** One after the other: two may concern one credential, and what the first did counts for the second. */
export async function settle(context: Context, ids: readonly string[], actor: Actor): Promise<readonly SettledFinding[]> {
  ids.forEach(requireDisorderId);
  const results: SettledFinding[] = [];
  for (const id of new Set(ids)) {
    results.push(await settleDisorder(context.engine, await declaredRecords(context), id, actor, AbortSignal.timeout(LOOK_MS)));
  }
  await context.queue?.wake('deliver', {});
  return results;
}

async function declaredRecords({ ledger }: Context) {
  return (await ledger.credentials()).filter((record) => record.declared);
}

/** What reported leaks cause. Intent, effect and outcome are written in that order, so that whoever dies in between leaves nothing half done or done twice. */
import { leakNotice, type LeakTold } from '../alerts/leak-notices.ts';
import { channelsFor } from '../config/index.ts';
import { minutes, seconds } from '../core/duration.ts';
import { describeError, isLeaseLost } from '../core/errors.ts';
import { decideLeak, type LeakDecision } from '../core/leak.ts';
import type { Actor, KeyRecord, Notice } from '../core/vocabulary.ts';
import type { Leak } from '../ports/leak-ledger.ts';
import type { CredentialRecord } from '../ports/ledger.ts';
import type { Context } from './context.ts';
import type { LeakResponder } from './leak-response.ts';

/** A worker that dies holds a leak up for as long; settling fifty takes a second or two. */
const LEASE_MS = seconds(10);
const AT_ONCE = 50;
const RECENT_ROTATIONS = 20;

export interface LeakHandling extends Pick<Context, 'engine' | 'ledger' | 'leaks' | 'leakSources' | 'config'> {
  readonly responder: LeakResponder;
}

/** Works on every leak whose key is known, or surely none of ours. One that fails keeps no other back. */
export async function handleLeaks(handling: LeakHandling, signal: AbortSignal): Promise<void> {
  const { leaks, engine } = handling;
  for (;;) {
    const held = signal.aborted ? [] : await leaks.claim('ready', engine.worker, LEASE_MS, AT_ONCE);
    if (held.length === 0) return;
    for (const leak of held) await handleOne(handling, leak);
  }
}

async function handleOne(handling: LeakHandling, leak: Leak): Promise<void> {
  const { leaks, engine } = handling;
  try {
    await settleOne(handling, leak);
  } catch (error) {
    if (isLeaseLost(error)) return;
    engine.log.error({ leak: leak.id, source: leak.source, error: describeError(error) }, 'a reported leak could not be worked on; it is tried again');
    await leaks.postpone(leak, engine.worker, describeError(error), retryMs(leak.attempts)).catch((again: unknown) => engine.log.warn({ leak: leak.id, error: describeError(again) }, 'and that could not be written; its lease runs out by itself'));
  }
}

/** 1 s, doubling up to a minute: a leaked key lives meanwhile. */
function retryMs(attempts: number): number {
  return Math.min(minutes(1), seconds(1) * 2 ** Math.min(attempts - 1, 10));
}

interface Subject {
  readonly leak: Leak;
  readonly key: KeyRecord | null;
  readonly record: CredentialRecord | null;
}

async function settleOne(handling: LeakHandling, leak: Leak): Promise<void> {
  const { ledger, leaks, engine, leakSources } = handling;
  // Read now, not when it was claimed: another leak of the same key may have been worked on since.
  const key = leak.keyId === null ? null : await ledger.key(leak.keyId);
  const record = key === null ? null : await ledger.credential(key.credential);
  const debts = key === null ? [] : await ledger.openDebts({ credential: key.credential });
  const debt = debts.find((one) => one.issuer === key?.issuer && one.issuerKeyId === key?.issuerKeyId)?.cause ?? null;
  const decision = decideLeak({ key, debt, declared: record?.declared === true, respond: leakSources.of(leak.source)?.respond ?? 'tell', looksLike: leak.looksLike, intent: leak.intent });
  if (decision.act !== 'nothing' && leak.intent !== decision.outcome) await leaks.intend(leak, engine.worker, decision.outcome);
  const subject = { leak, key, record };
  const rotationId = await act(handling, subject, decision);
  const told: LeakTold = { leak, key, owner: record?.owner ?? null, outcome: decision.outcome };
  const { message, notice } = leakNotice(told);
  await leaks.settle(leak, engine.worker, {
    outcome: decision.outcome, rotationId, message,
    audit: { actor: actorOf(leak), credential: key?.credential ?? null, rotationId, keyId: key?.id ?? null, detail: { leak: leak.id, source: leak.source, url: leak.url, issuerKeyId: key?.issuerKeyId ?? null, looksLike: leak.looksLike } },
    notices: notice === null ? [] : [{ notice, channels: channelsOf(handling, subject, notice) }],
    noticeOrigin: key === null ? `leak:${leak.source}:${leak.deliveryId}` : `leak:${key.id}`,
  });
  engine.log.warn({ leak: leak.id, source: leak.source, credential: key?.credential, key: key?.issuerKeyId, outcome: decision.outcome, rotation: rotationId }, message);
}

/** Answers the emergency rotation, if there is one. */
async function act({ ledger, responder }: LeakHandling, { leak, key }: Subject, { act: what, outcome }: LeakDecision): Promise<string | null> {
  if (key === null) return null;
  const actor = actorOf(leak);
  const asked = what === 'emergency' ? await responder.emergency(key, actor) : null;
  if (asked !== null || (outcome !== 'emergency' && outcome !== 'older_key')) return asked;
  // A worker asked for it and died before it could say so.
  return (await ledger.rotations({ credential: key.credential }, { limit: RECENT_ROTATIONS })).find((one) => one.actor.who === actor.who)?.id ?? null;
}

function actorOf({ id, source, url }: Leak): Actor {
  return { who: `leak:${source}:${id}`, why: `leaked, as ${source} reports${url === null ? '' : `: ${url}`}` };
}

function channelsOf({ config }: LeakHandling, { key, record }: Subject, { severity }: Notice): readonly string[] {
  return record?.plan.channels[severity] ?? channelsFor(config(), { credential: key?.credential ?? null, owner: null }, severity);
}

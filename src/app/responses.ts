/** From critical findings to responses: what alerts that fire have a policy do. Derived from the ledger anew each time, so that nothing is lost with a worker. */
import { ulid } from 'ulid';
import { askNotice, revokesNotice, trippedNotice, withheldNotice, type NamedKey } from '../alerts/response-notices.ts';
import { muteOf } from '../alerts/mutes.ts';
import { channelsFor } from '../config/index.ts';
import type { Alert } from '../core/alert.ts';
import { ANSWERED_RULES, answerTo } from '../core/response.ts';
import type { KeyRecord, Notice } from '../core/vocabulary.ts';
import type { AlertDelivery } from '../ports/alert-ledger.ts';
import type { CredentialRecord } from '../ports/ledger.ts';
import type { HeldNotices, Opening, ResponseSeed } from '../ports/response-ledger.ts';
import { mutesNow } from './alerts.ts';
import type { Context } from './context.ts';

export type Responding = Pick<Context, 'ledger' | 'alerts' | 'responses' | 'config' | 'engine'>;

/** Begins what alerts call for; answers how many. Any number of workers may: each response begins once. */
export async function openResponses(context: Responding): Promise<number> {
  const { responses, config } = context;
  if (!policiesRespond(context)) return 0;
  const wanted = await wantedOf(context);
  if (wanted.length === 0) return 0;
  const now = await context.ledger.now();
  const openings = wanted.map((one) => openingOf(context, one, now));
  const { maxPerHour, maxPerIssuerPerHour } = config().response;
  const keys = new Map(wanted.map(({ key }) => [key.id, key]));
  const made = await responses.open(openings, { perHour: maxPerHour, perIssuerHour: maxPerIssuerPerHour }, heldNotices(keys));
  for (const { id, state, rule, credential, keyId, message } of made) context.engine.log.warn({ response: id, rule, credential, key: keyId, state }, `a critical finding is answered: ${message ?? state}`);
  return made.length;
}

/** Off by default: then nothing of all this is looked at. */
export function policiesRespond({ config }: Pick<Responding, 'config'>): boolean {
  return Object.values(config().policies).some(({ onCritical }) => onCritical !== undefined);
}

interface Wanted {
  readonly alert: Alert;
  readonly record: CredentialRecord;
  readonly key: KeyRecord;
  readonly mode: 'revoke' | 'approve';
}

async function wantedOf({ ledger, alerts, responses, config }: Responding): Promise<readonly Wanted[]> {
  const open = (await alerts.open()).filter(({ state, finding }) => state !== 'pending' && finding.severity === 'critical' && ANSWERED_RULES.includes(finding.rule));
  if (open.length === 0) return [];
  const records = new Map((await ledger.credentials([...new Set(open.flatMap(({ finding }) => finding.credential ?? []))])).map((record) => [record.name, record]));
  const asked = open.flatMap((alert) => {
    const record = records.get(alert.finding.credential ?? '');
    const answer = answerTo(alert, record);
    return record === undefined || answer === null ? [] : answer.keys.map((keyId) => ({ alert, record, keyId, mode: answer.respond }));
  });
  if (asked.length === 0) return [];
  const [answered, mutes] = await Promise.all([responses.answered([...new Set(asked.map(({ alert }) => alert.incident))]), mutesNow({ alerts, ledger, config })]);
  const left = asked.filter(({ alert, keyId }) => !answered.has(`${alert.incident} ${keyId}`) && muteOf(alert.finding, mutes) === null);
  const keys = new Map((await ledger.keys([...new Set(left.map(({ keyId }) => keyId))])).map((key) => [key.id, key]));
  return left.flatMap(({ keyId, ...one }) => {
    const key = keys.get(keyId);
    // A finding names the keys of its credential. A key that is dead already is nobody's any more.
    return key === undefined || key.credential !== one.record.name || key.state === 'revoked' || key.state === 'lost' ? [] : [{ ...one, key }];
  });
}

function openingOf({ config }: Responding, { alert, record, key, mode }: Wanted, now: Date): Opening {
  const { finding, incident } = alert;
  const seed: ResponseSeed = {
    id: ulid(now.getTime()), alert: alert.id, incident, rule: finding.rule, credential: record.name, issuer: key.issuer, keyId: key.id, mode, policy: record.plan.policy.name, owner: record.owner,
    said: { title: finding.title, happened: finding.happened, expected: finding.expected, facts: finding.facts }, threads: threadsOf(config(), alert, record),
  };
  const expiresInMs = config().response.approval.expiresIn;
  const withheld = whyNot(record, key);
  const as = withheld !== null ? 'withheld' : mode === 'revoke' ? 'accepted' : 'waiting';
  const notice = withheld !== null ? withheldNotice(seed, key, withheld) : as === 'accepted' ? revokesNotice(seed, key) : askNotice(seed, key, new Date(now.getTime() + expiresInMs));
  return {
    seed, as, expiresInMs: as === 'waiting' ? expiresInMs : null, message: withheld,
    // Where a digest tells of very many, it does for what is not done about them too; the breaker does not bound that.
    deliveries: deliveriesOf(seed, notice).filter(({ incident: thread }) => as !== 'withheld' || thread === incident),
    audit: auditOf(seed, key, { who: actorName(seed), why: finding.title }),
  };
}

function whyNot({ name, plan }: CredentialRecord, { proven }: KeyRecord): string | null {
  if (plan.protected === true) return `${name} is protected: no finding has a key of it revoked.`;
  return proven ? null : 'It was adopted without proof that it is the key that its stores hold, so it is not revoked automatically.';
}

/** Who asks for what a response causes, in the audit log and of the rotation: the finding, and which. */
export function actorName({ rule, id }: Pick<ResponseSeed, 'rule' | 'id'>): string {
  return `finding:${rule}:${id}`;
}

export function auditOf({ id, alert, incident, rule, credential, mode, policy, keyId }: ResponseSeed, key: Pick<KeyRecord, 'issuerKeyId'> | null, actor: Opening['audit']['actor']): Opening['audit'] {
  return { actor, credential, rotationId: null, keyId, detail: { response: id, alert, incident, rule, mode, policy, issuerKeyId: key?.issuerKeyId ?? null } };
}

/** In the thread of the alert, wherever that was told. */
export function deliveriesOf({ threads }: Pick<ResponseSeed, 'threads'>, notice: Notice): readonly AlertDelivery[] {
  return Object.entries(threads).map(([channel, incident]) => ({ channel, incident, status: 'firing', notice }));
}

function threadsOf(config: ReturnType<Context['config']>, { threads, incident, finding: { rule, owner, labels, credential } }: Alert, { plan }: CredentialRecord): Readonly<Record<string, string>> {
  const routed = channelsFor(config, { rule, credential, owner, labels, notify: plan.notify }, 'critical');
  const told = Object.entries(threads).filter(([channel]) => Object.hasOwn(config.channels, channel));
  return { ...Object.fromEntries(routed.map((channel) => [channel, incident])), ...Object.fromEntries(told) };
}

/** Each channel hears of what concerns it, once. */
function heldNotices(keys: ReadonlyMap<string, NamedKey>): HeldNotices {
  return (held) => {
    const channels = new Set(held.flatMap(({ seed }) => Object.keys(seed.threads)));
    return [...channels].map((channel) => ({ notice: trippedNotice(held.filter(({ seed }) => Object.hasOwn(seed.threads, channel)), keys), channels: [channel] }));
  };
}

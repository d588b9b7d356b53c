/** The report as data. Fields are added under a version, and never change their meaning. */
import { z } from 'zod';

export const REPORT_VERSION = 1;

const instant = z.iso.datetime();
const whole = z.int().min(0);
const counts = { requests: whole, failed: whole, denied: whole };
const healed = { at: instant.nullable(), afterMs: whole.nullable() };

const key = z.strictObject({
  issuerKeyId: z.string(),
  name: z.string(),
  prefix: z.string(),
  scopes: z.array(z.string()),
  createdAt: instant.nullable(),
  revokedAt: instant.nullable(),
  outcome: z.enum(['revoked', 'gone']).nullable().describe('gone: somebody had revoked it before.'),
  revokedAfterMs: whole.nullable().describe('Since it was asked for.'),
  attempts: whole,
  lastError: z.string().nullable(),
  valueKnown: z.boolean().describe('False: Keyturn never saw its value, so a leaked value cannot be told to be this key’s.'),
});

const seen = z.strictObject({
  source: z.string(),
  issuerKeyId: z.string(),
  ...counts,
  mostAddresses: whole.describe('In one hour.'),
  usedAfter: whole.describe('Requests that were not refused, in whole minutes after the revocation.'),
  refusedAfter: whole.describe('Requests that were refused for their key, from the minute of the revocation on.'),
  refusedInGap: whole.nullable().describe('Of these, until stores and applications were healthy; null where nothing was to recover.'),
});

const caller = z.strictObject({
  source: z.string(),
  issuerKeyId: z.string(),
  address: z.string(),
  program: z.string().describe('The user agent as it was sent.'),
  ...counts,
  share: z.number().min(0).max(1).describe('Of the requests that this source saw of the key.'),
  firstSeenAt: instant,
  lastSeenAt: instant,
  network: z.enum(['known', 'new', 'unknown']),
  agent: z.enum(['known', 'new', 'unknown']).describe('Its program without versions.'),
  usesReplacement: z.boolean().nullable().describe('Null while nobody was seen with the replacement.'),
});

const scopeUse = z.strictObject({
  source: z.string(),
  issuerKeyId: z.string(),
  scope: z.string(),
  requests: whole,
  refused: whole.describe('Of these: not allowed to the key.'),
  firstSeenAt: instant,
  lastSeenAt: instant,
});

export const reportSchema = z.strictObject({
  version: z.literal(REPORT_VERSION),
  incident: z.strictObject({ id: z.string(), of: z.enum(['rotation', 'debt']) }),
  at: instant,
  credential: z.string(),
  issuer: z.string(),
  owner: z.string().nullable(),
  status: z.enum(['revoking', 'recovering', 'held', 'recovered', 'not_replaced', 'superseded']),
  summary: z.string(),
  asked: z.strictObject({ by: z.string(), why: z.string(), at: instant }),
  leak: z.strictObject({ foundAt: instant.nullable(), earliestAt: instant.nullable(), where: z.string().nullable(), by: z.string().nullable() }).nullable(),
  window: z.strictObject({
    from: instant,
    basis: z.enum(['evidence', 'creation', 'asked']).describe('evidence: of the leak; creation: of the oldest key; asked: neither is known.'),
    until: instant,
    open: z.boolean().describe('A key is not revoked yet.'),
  }),
  keys: z.array(key),
  usage: z.strictObject({
    sources: z.array(z.strictObject({ source: z.string(), shownUntil: instant.nullable(), behindMs: whole.describe('How much of the window it has not shown yet.'), failingSince: instant.nullable() })),
    seen: z.array(seen).describe('By source and key. Two sources may have seen the same requests: never add them up.'),
    hours: z.array(z.strictObject({ at: instant, source: z.string(), ...counts })).describe('Silent hours are left out.'),
    callers: z.array(caller),
    scopes: z.strictObject({ granted: z.array(z.string()), used: z.array(scopeUse).nullable().describe('Null: no source tells.') }),
  }),
  standsOut: z.array(z.strictObject({ what: z.string(), source: z.string().nullable(), at: instant.nullable(), text: z.string() })),
  recovery: z.strictObject({
    state: z.string(),
    reason: z.string(),
    message: z.string(),
    newKey: z.strictObject({ issuerKeyId: z.string(), prefix: z.string() }).nullable(),
    stores: z.array(z.strictObject({ place: z.string(), ...healed })),
    applications: z.array(z.strictObject({ check: z.string(), ...healed })),
    recoveredAt: instant.nullable(),
    gapMs: whole.nullable().describe('From the first revocation until stores and applications were healthy, or until now; null where nothing takes their place.'),
  }).nullable(),
  alerts: z.array(z.strictObject({ id: z.string(), rule: z.string(), severity: z.string(), state: z.string(), title: z.string(), firedAt: instant, endedAt: instant.nullable() })),
  audit: z.array(z.strictObject({ seq: whole, at: instant, type: z.string(), by: z.string(), what: z.string(), hash: z.string().nullable().describe('Null until it is sealed.') })),
  questions: z.array(z.strictObject({ about: z.string(), text: z.string() })),
});

export type IncidentReport = z.output<typeof reportSchema>;
type Item<K extends keyof IncidentReport['usage']> = IncidentReport['usage'][K] extends readonly (infer T)[] ? T : never;
export type SeenKey = Item<'seen'>;
export type ReportedCaller = Item<'callers'>;

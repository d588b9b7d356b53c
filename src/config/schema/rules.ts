import { isIP } from 'node:net';
import { z } from 'zod';
import { duration, text, whole, zone } from './leaves.ts';
import { windowDays, windowHours } from './policies.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

const severity = z.enum(['info', 'warning', 'critical']).optional().meta({ description: 'In place of the rule’s own.', 'x-default': 'the rule’s own' });
const span = duration(MINUTE_MS, HOUR_MS);
const age = duration(HOUR_MS, 4_000 * DAY_MS);
const late = duration(MINUTE_MS, 30 * DAY_MS);
const percent = whole(1, 100);

/** A rule's section, or `off`. Rules that need to be told something are off until they are. */
function rule<Shape extends z.core.$ZodLooseShape>(shape: Shape) {
  return z.union([z.strictObject({ ...shape, severity }), z.literal('off')], 'is neither its keys nor off (expected such as { severity: critical }, or off)');
}

const budget = z.preprocess((value) => (typeof value === 'string' && /^[0-9.]+$/.test(value) ? Number(value) : value), z.number('is no number (expected such as 0.01)').min(0.000_1, 'is too small (expected 0.0001 to 10)').max(10, 'is too large (expected 0.0001 to 10)'));

const network = text.refine(isNetwork, 'is no network (expected such as 203.0.113.0/24, 2001:db8::/32 or a single address)');

function isNetwork(written: string): boolean {
  const [address = '', bits, ...more] = written.split('/');
  const kind = isIP(address);
  if (kind === 0 || more.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (kind === 4 ? 32 : 128));
}

const SHAPES = {
  request_rate: rule({
    perMinute: whole(1, 1_000_000_000).describe('Requests a minute that are still fine.'),
    for: span.prefault('5m').describe('So long without a pause it must be more.'),
  }).describe('More requests a minute than declared.'),
  unusual_traffic: rule({
    budget: budget.prefault(0.01).describe('False incidents that you accept of each credential in a week; the level at which it fires follows from it.'),
    timezone: zone.default('UTC').describe('By whose clock the credential’s week goes.'),
  }).describe('More requests than is usual for this credential at this hour of the week; learned, docs/detection.md.'),
  unusual_metric: rule({ score: whole(2, 20).prefault(4).describe('−log10 of how rarely the series looked as strange.') }).describe('The share of failures left the range that it has kept so far; learned.'),
  error_rate: rule({
    percent: percent.prefault(20).describe('Share of requests that fail.'),
    requests: whole(1).prefault(50).describe('Of fewer requests than that no share is made.'),
    over: span.prefault('15m').describe('Counted over so long.'),
  }).describe('Many of the requests fail.'),
  failed_authentications: rule({ requests: whole(1).prefault(20).describe('So many within that time.'), over: span.prefault('15m').describe('Counted over so long.') }).describe('Requests of a living key that are refused for their key.'),
  retired_key_in_use: rule({ over: span.prefault('15m').describe('Used within so long.') }).describe('A replaced key that is used after its overlap.'),
  revoked_key_tried: rule({ requests: whole(1).prefault(1).describe('So many within that time.'), over: span.prefault('15m').describe('Counted over so long.') }).describe('Attempts with a revoked key.'),
  dormant_key_waking: rule({ after: age.prefault('30d').describe('Silent for so long before.') }).describe('A silent credential that is used again.'),
  new_network: rule({ learn: age.prefault('7d').describe('How long callers are learned before any is new.') }).describe('A network (/24, or /48 of IPv6) that the credential was never used from.'),
  new_user_agent: rule({ learn: age.prefault('7d').describe('How long callers are learned before any is new.') }).describe('A program that never used the credential; versions of one are the same.'),
  outside_hours: rule({
    days: windowDays.prefault('mon-sun').describe('Days on which it may be used.'),
    hours: windowHours.describe('From and to, as `"07:00-20:00"`; past midnight when `to` is earlier.'),
    timezone: zone.default('UTC').describe('Time zone of the hours.'),
  }).describe('Use outside declared hours.'),
  outside_networks: rule({ networks: z.array(network).min(1, 'is empty (expected a list of networks)').describe('Networks that it may be used from.') }).describe('Use from outside declared networks.'),
  quota_on_course: rule({ percent: percent.prefault(100).describe('Share of the quota that will be used at the period’s end, at the pace so far.') }).describe('The issuer’s quota will not last.'),
  key_limit_near: rule({ left: whole(0, 1_000).prefault(1).describe('So many keys, or fewer, can still be made once rotations under way are over.') }).describe('Few keys are left at the issuer.'),
  key_unused: rule({ after: age.prefault('90d').describe('Unused for so long.') }).describe('A living key that nobody uses.'),
  key_older_than_policy: rule({ late: late.prefault('1d').describe('So much later than due.') }).describe('A key that should have been rotated.'),
  unmanaged_key: rule({}).describe('A key at the issuer that belongs to no credential.'),
  name_against_convention: rule({}).describe('An unmanaged key whose name tells nobody whose it is.'),
  scopes_wider_than_declared: rule({}).describe('A key that may do other than its credential declares: more, or too little.'),
  scopes_wider_than_used: rule({ after: age.prefault('30d').describe('So long every request of it must have been seen, and what it asks for be known. Longer than `usage.retention.hours` it is never told.') }).describe('A credential that declares more than its requests ask for.'),
  undeclared_key: rule({}).describe('A living key whose credential left the configuration.'),
  key_missing: rule({}).describe('A key that the issuer does not list any more, though nothing of Keyturn revoked it.'),
  revoked_key_alive: rule({}).describe('A key that lives although the issuer confirmed its revocation.'),
  issuer_unavailable: rule({ after: late.prefault('10m').describe('Each look for so long failed.') }).describe('An issuer that does not answer, or refuses the admin key.'),
  source_unavailable: rule({ after: late.prefault('15m').describe('Not read for so long.') }).describe('A usage source that is not read.'),
  scanner_silent: rule({ after: late.prefault('10m').describe('No scan for so long.') }).describe('Usage is not being looked at.'),
} as const;

type Shapes = typeof SHAPES;

/** Off until told what to go by, or because it cannot keep its promise of few alerts for everybody. */
const OFF: readonly (keyof Shapes)[] = ['request_rate', 'unusual_metric', 'outside_hours', 'outside_networks'];

type Prefaulted<Rules> = { readonly [Name in keyof Rules]: Rules[Name] extends z.ZodType ? z.ZodPrefault<Rules[Name]> : never };
type Optional<Rules> = { readonly [Name in keyof Rules]: Rules[Name] extends z.ZodType ? z.ZodOptional<Rules[Name]> : never };

function withDefaults(): Prefaulted<Shapes> {
  const entries = Object.entries(SHAPES).map(([name, one]) => {
    const given = (OFF as readonly string[]).includes(name) ? (one as z.ZodType).prefault('off') : (one as z.ZodType).prefault({});
    return [name, given.describe(one.description ?? '')] as const;
  });
  return Object.fromEntries(entries) as unknown as Prefaulted<Shapes>;
}

function eachOptional(): Optional<Shapes> {
  return Object.fromEntries(Object.entries(SHAPES).map(([name, one]) => [name, one.optional().describe(one.description ?? '')])) as unknown as Optional<Shapes>;
}

/** For all credentials. */
export const rules = z.strictObject(withDefaults());
/** Of one credential: what it names stands in place of what holds for all, as a whole. */
export const credentialRules = z.strictObject(eachOptional());

export type RulesConfig = z.output<typeof rules>;
export type CredentialRulesConfig = z.output<typeof credentialRules>;

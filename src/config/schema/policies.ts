import { z } from 'zod';
import { cronProblem } from '../../core/schedule.ts';
import { duration, flag, text, zone, type FieldMeta } from './leaves.ts';
import { onCritical } from './response.ts';

const DAYS = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'];
const DAYS_FORM = '(expected mon-fri, or a list such as [mon, wed, fri])';

/** 1 (Monday) to 7, in order; `fri-mon` wraps. */
export const windowDays = z.union([text, z.array(text).min(1)], `are no days ${DAYS_FORM}`).transform((written, context): readonly number[] => {
  const parts = [written].flat().flatMap((part) => part.toLowerCase().split(',').map((day) => day.trim()));
  const found = parts.map(daysOf);
  if (found.includes(null)) context.addIssue({ code: 'custom', message: `are no days ${DAYS_FORM}` });
  return [...new Set(found.flatMap((part) => part ?? []))].sort((a, b) => a - b);
});

function daysOf(part: string): readonly number[] | null {
  const [first = -1, last = first, ...more] = part.split('-').map((day) => DAYS.findIndex((full) => [full, full.slice(0, 3)].includes(day.trim())));
  if (first < 0 || last < 0 || more.length > 0) return null;
  return Array.from({ length: ((last - first + 7) % 7) + 1 }, (_, n) => ((first + n) % 7) + 1);
}

const HOURS_FORM = '(expected "09:00-17:00"; "22:00-04:00" goes past midnight, "00:00-24:00" is the whole day)';

export const windowHours = z.string(`are no hours ${HOURS_FORM}`).transform((written, context): { from: number; to: number } => {
  const [, h1, m1, h2, m2] = /^(\d\d?):(\d\d)\s*-\s*(\d\d?):(\d\d)$/.exec(written.trim()) ?? [];
  const [from, to] = [minuteOf(h1, m1), minuteOf(h2, m2)];
  const wrong = from === null || to === null || from === 1_440 || from === to;
  if (wrong) context.addIssue({ code: 'custom', message: `are no hours ${HOURS_FORM}` });
  return { from: from ?? 0, to: to ?? 0 };
});

function minuteOf(hour: string | undefined, minute: string | undefined): number | null {
  const total = Number(hour) * 60 + Number(minute);
  return Number(minute) < 60 && total <= 1_440 ? total : null;
}

const cron = z.string().superRefine((pattern, context) => {
  const problem = cronProblem(pattern);
  if (problem !== null) context.addIssue({ code: 'custom', message: `is no cron pattern: ${problem} (expected five fields, such as "0 3 * * 1")` });
});

/** The first of each month, in working hours of most zones when it is UTC. */
const MONTHLY = '0 9 1 * *';

const drill = z
  .string()
  .superRefine((written, context) => {
    const problem = written === 'monthly' ? null : cronProblem(written);
    if (problem !== null) context.addIssue({ code: 'custom', message: `is no time for drills: ${problem} (expected monthly, or a cron pattern such as "0 3 * * 1")` });
  })
  .transform((written) => (written === 'monthly' ? MONTHLY : written))
  .meta({ 'x-kind': 'monthly or cron' } satisfies FieldMeta);

const deadlines = z.strictObject({
  verify: duration(1_000).prefault('5m').describe('How long a fresh key may take to pass its checks before it is thrown away.'),
  promote: duration(1_000).prefault('15m').describe('How long publishing to all stores may take before it is rolled back.'),
  confirm: duration(1_000).prefault('10m').describe('How long hooks and application checks may take to become green before a rollback.'),
  stuck: duration(1_000).prefault('24h').describe('After this long in draining or revoking, people are told.'),
  retry: duration(1_000).prefault('1h').describe('How long after a scheduled rotation that failed the next try begins.'),
});

export const policy = z.strictObject({
  every: duration(1_000).optional().describe('Rotate when the key is this old. Either this or `cron`; with neither, only by hand.'),
  cron: cron.optional().describe('Rotate at these times: minute, hour, day, month, weekday; with six fields, seconds come first.'),
  timezone: zone.default('UTC').describe('Time zone of `cron`, and of `window` where that names none.'),
  window: z
    .strictObject({
      days: windowDays.prefault('mon-sun').describe('Days on which it opens: `mon-fri`, or a list.'),
      hours: windowHours.describe('From and to, as `"09:00-17:00"`; past midnight when `to` is earlier.'),
      timezone: zone.optional().meta({ description: 'Time zone of the window.', 'x-default': 'that of the policy' }),
    })
    .optional()
    .describe('Rotations begin only while it is open. Emergencies do not wait.'),
  overlap: duration().prefault('24h').describe('The least time that old and new key both live.'),
  quiet: duration().prefault('1h').describe('How long the old key must have been unused before it is revoked; `0s` turns the wait off.'),
  maxAge: duration().optional().describe('Revoke a replaced key at this age even when it is still in use; audited. Without it Keyturn waits, and tells people.'),
  jitter: duration().prefault('0s').describe('Spreads credentials over this long after each due time; always the same for one credential.'),
  strategy: z.enum(['displace', 'replace']).default('displace').describe('`displace`: the new key is proved before the old one goes. `replace`: the old key is revoked first, for plans with one key.'),
  allowDowntime: flag.prefault(false).describe('Needed for `strategy: replace`: applications have no working key for a moment.'),
  drill: drill.optional().describe('Try the emergency path of each credential with a throw-away key at these times: `monthly` (the first, 09:00), or a cron pattern, in `timezone`. Without it only by hand.'),
  deadlines: deadlines.prefault({}).describe('How long things may take.'),
  onCritical: onCritical.optional().meta({ description: 'What a critical finding on a key causes besides the alert.', 'x-default': 'people are told, and nothing else' }),
});
export type PolicyConfig = z.output<typeof policy>;

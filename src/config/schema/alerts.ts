import { z } from 'zod';
import type { Matcher } from '../../core/alert.ts';
import { describeError } from '../../core/errors.ts';
import { parseMatcher } from '../../core/matcher.ts';
import { duration, name, whole, zone } from './leaves.ts';
import { windowDays, windowHours } from './policies.ts';

const matcher = z.string('is no matcher (expected such as credential=prod-*)').transform((written, context): Matcher => {
  try {
    return parseMatcher(written);
  } catch (error) {
    context.addIssue({ code: 'custom', message: describeError(error) });
    return { field: 'rule', pattern: '' };
  }
});

const maintenance = z.strictObject({
  name: name.describe('What it is called in `keyturn alerts`.'),
  days: windowDays.prefault('mon-sun').describe('Days on which it opens: `mon-fri`, or a list.'),
  hours: windowHours.describe('From and to, as `"22:00-04:00"`; past midnight when `to` is earlier.'),
  timezone: zone.default('UTC').describe('Time zone of the window.'),
  matching: z.array(matcher).min(1, 'is empty (expected matchers, or leave it out for all alerts)').optional().meta({ description: 'Which alerts it mutes, as in `keyturn silence`; all of these must hold.', 'x-default': 'all' }),
});

export const alerts = z.strictObject({
  repeat: duration(60_000).prefault('4h').describe('An alert that is neither over nor acknowledged is told of again after this.'),
  hold: duration(0).prefault('10m').describe('How long it must have cleared before it is over, where its rule says nothing else.'),
  maxHold: duration(0).prefault('2h').describe('One that comes and goes must stay clear for longer each time, at most for this long.'),
  flapWindow: duration(60_000).prefault('1h').describe('What comes back within this counts as coming and going.'),
  expire: duration(60_000).prefault('2h').describe('One that nothing looks at any more expires after this, and never sooner than after three times the longest of the worker’s intervals that look: `inventory`, `inspect`, `scan`.'),
  groupWindow: duration(0).prefault('30s').describe('Alerts of one credential and kind of rule that begin within this are one incident.'),
  storm: z
    .strictObject({ perMinute: whole(2, 1_000).prefault(10).describe('First messages of incidents that a channel gets in any minute; the last place is that of a digest, which stands for all that are more.') })
    .prefault({})
    .describe('What happens when very many begin at once.'),
  keep: duration(86_400_000).prefault('90d').describe('How long alerts and silences that are over stay in the ledger.'),
  maintenance: z.array(maintenance).prefault([]).describe('Weekly windows in which nobody is told of matching alerts. What is still true when a window closes is said then.'),
});

import { z } from 'zod';
import { name, zone } from './leaves.ts';

const TIME_FORM = '(expected a time in quotes, such as "08:00")';
/** `08:00`. Without quotes YAML may read a time as a number, which is refused by name. */
const time = z.string(`is no time of day ${TIME_FORM}`).regex(/^([01]\d|2[0-3]):[0-5]\d$/, `is no time of day ${TIME_FORM}`).meta({ 'x-kind': 'time of day' });

export const WEEKDAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;

const digest = z.strictObject({
  every: z.enum(['day', 'week']).default('day').describe('How often.'),
  on: z.enum(WEEKDAYS).default('mon').describe('Weekday of a weekly one.'),
  at: time.prefault('08:00').describe('When it is written.'),
  timezone: zone.default('UTC').describe('Time zone of `at`.'),
  channels: z.array(name).min(1, 'is empty (expected a list of channels, or summary: off)').optional().meta({ description: 'Where it goes.', 'x-default': 'the channels that take messages about no credential, of severity info' }),
});

export const summary = z.union([digest, z.literal('off')], 'is no summary (expected every, on, at, timezone and channels, or off)');

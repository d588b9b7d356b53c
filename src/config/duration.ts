/** Durations as people write them: `30d`, `24h`, `90s`, `500ms`, `1h30m`. */
const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };
const WHOLE = /^(?:\d+(?:\.\d+)?(?:ms|s|m|h|d|w))+$/;
const PART = /(\d+(?:\.\d+)?)(ms|s|m|h|d|w)/g;
/** Longer than this is a typing error, and keeps every sum of durations exact. */
const LONGEST_MS = 100 * 366 * 86_400_000;

export type ParsedDuration = { readonly ms: number } | { readonly problem: string };

/** Milliseconds, or what is wrong with the text. */
export function parseDuration(text: string): ParsedDuration {
  const trimmed = text.trim();
  if (/\d\s*(M|mo|mon|months?|y|yr|years?)$/.test(trimmed)) return { problem: 'months and years differ in length, so they are no duration: use days, or a cron pattern such as "0 3 1 * *"' };
  if (/^\d+(\.\d+)?$/.test(trimmed)) return { problem: 'a unit is missing (ms, s, m, h, d or w)' };
  if (!WHOLE.test(trimmed)) return { problem: 'not a duration' };
  const ms = [...trimmed.matchAll(PART)].reduce((sum, [, amount, unit]) => sum + Number(amount) * (UNITS[unit ?? ''] ?? Number.NaN), 0);
  if (ms > LONGEST_MS) return { problem: 'longer than a hundred years' };
  return { ms: Math.round(ms) };
}

/** The shortest way to write it: `1d12h`, `90s` as `1m30s`. */
export function formatDuration(ms: number): string {
  if (ms === 0) return '0s';
  let rest = ms;
  let text = '';
  for (const unit of ['d', 'h', 'm', 's', 'ms']) {
    const size = UNITS[unit] ?? 1;
    const count = Math.floor(rest / size);
    if (count > 0) text += `${count}${unit}`;
    rest -= count * size;
  }
  return text;
}

/** Small phrases that notices and templates share. Pure. */

/** What people see of a key: enough to find it at its issuer, nothing that opens anything. */
export interface KeyLabel {
  readonly prefix: string;
  readonly issuerKeyId: string;
}

const MAX_ID = 28;

/** `hm_live_… (id 01J8…9F3C)`: the prefix as issued and the issuer's id, shortened in its middle when long. */
export function keyLabel(key: KeyLabel): string {
  return `${key.prefix}… (id ${shortId(key.issuerKeyId)})`;
}

export function shortId(id: string): string {
  return id.length <= MAX_ID ? id : `${id.slice(0, 14)}…${id.slice(-8)}`;
}

const UNITS = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1_000],
] as const;

/** A duration in milliseconds as people say it, in its two largest units: `3 days 4 hours`, `2.4 seconds`, `180 ms`. */
export function duration(ms: number): string {
  const whole = Math.max(0, Math.round(ms));
  if (whole < 1_000) return `${whole} ms`;
  if (whole < 10_000) return `${(whole / 1_000).toFixed(1)} seconds`;
  const parts: string[] = [];
  let rest = Math.round(whole / 1_000) * 1_000;
  for (const [name, size] of UNITS) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count > 0) parts.push(plural(count, name));
    else if (parts.length > 0) break;
    if (parts.length === 2) break;
  }
  return parts.join(' ');
}

export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** `a`, `a and b`, `a, b and c`. */
export function listed(items: readonly string[]): string {
  if (items.length < 2) return items.join('');
  return `${items.slice(0, -1).join(', ')} and ${items.at(-1)}`;
}

/** One sentence with its full stop, whatever came in. */
export function sentence(text: string): string {
  const trimmed = text.trim();
  if (trimmed === '') return '';
  return /[.!?…]$/.test(trimmed) ? trimmed : `${trimmed}.`;
}

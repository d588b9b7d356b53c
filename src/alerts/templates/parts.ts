/** What the three forms of a notice share. Pure. */
import { scrub } from '../../core/secret.ts';
import type { Notice, Severity } from '../../core/vocabulary.ts';
import type { IncidentNews } from '../../ports/channel.ts';

export interface RenderOptions {
  /** When the cause happened; shown, because a message may arrive later. */
  readonly at?: Date;
  /** Of the incident that it tells of; absent for a message that stands alone. */
  readonly status?: IncidentNews['status'];
}

export interface Segment {
  readonly code: boolean;
  readonly text: string;
}

/** Splits text at its backticks; a lone backtick is itself. */
export function segments(text: string): readonly Segment[] {
  const found: Segment[] = [];
  let from = 0;
  for (const match of text.matchAll(/`([^`\n]+)`/g)) {
    if (match.index > from) found.push({ code: false, text: text.slice(from, match.index) });
    found.push({ code: true, text: match[1] ?? '' });
    from = match.index + match[0].length;
  }
  if (from < text.length) found.push({ code: false, text: text.slice(from) });
  return found;
}

/** True for ids, prefixes, names and places: shown in a fixed pitch. */
export function isIdentifier(value: string): boolean {
  return /^\S*[_/:-]\S*$/.test(value) || /^[0-9A-Z]{16,}$/.test(value);
}

/** Cuts long text and says how much was cut; `max` counts characters of the result. */
export function clip(text: string, max: number): string {
  if (text.length <= max) return text;
  const keep = Math.max(0, max - cutNote(text.length).length);
  const head = text.slice(0, keep).replace(/[\uD800-\uDBFF]$/, '');
  return `${head}${cutNote(text.length - head.length)}`.slice(0, max);
}

const LONGEST = { title: 1_024, text: 8_000, line: 2_000 };
const MOST = { todo: 50, facts: 100 };

/** A notice that no receiver has to refuse for its size: what had to give way is said. */
export function bounded(notice: Notice): Notice {
  const { todo } = notice;
  const facts = Object.entries(notice.facts);
  return {
    ...notice,
    title: clip(notice.title, LONGEST.title),
    happened: clip(notice.happened, LONGEST.text),
    means: clip(notice.means, LONGEST.text),
    todo: [...todo.slice(0, MOST.todo).map((step) => clip(step, LONGEST.line)), ...(todo.length > MOST.todo ? [leftOut(todo.length - MOST.todo, 'steps')] : [])],
    facts: {
      ...Object.fromEntries(facts.slice(0, MOST.facts).map(([label, value]) => [clip(label, LONGEST.line), clip(value, LONGEST.line)])),
      ...(facts.length > MOST.facts ? { More: leftOut(facts.length - MOST.facts, 'facts') } : {}),
    },
  };
}

const leftOut = (count: number, what: string): string => `${count} ${what} left out here`;

function cutNote(cut: number): string {
  return `… (${cut} characters cut)`;
}

/** Control characters other than line breaks and tabs, and the marks that turn the direction of text around. */
const UNPRINTABLE = /(?![\n\t])[\p{Cc}\u202A-\u202E\u2066-\u2069]/gu;

function line(text: string): string {
  return scrub(text).replaceAll('\r\n', '\n').replace(UNPRINTABLE, ' ');
}

function optional(text: string | null): string | null {
  return text === null ? null : line(text);
}

/** A last line of defence before text leaves the house: no registered secret, no control characters. */
export function cleaned(notice: Notice): Notice {
  return {
    ...notice,
    credential: optional(notice.credential),
    issuer: optional(notice.issuer),
    rotationId: optional(notice.rotationId),
    title: line(notice.title).replaceAll(/\s+/g, ' ').trim(),
    happened: line(notice.happened),
    means: line(notice.means),
    todo: notice.todo.map(line),
    facts: Object.fromEntries(Object.entries(notice.facts).map(([label, value]) => [line(label), line(value)])),
    dedupeKey: line(notice.dedupeKey),
  };
}

export interface Look {
  readonly emoji: string;
  readonly word: string;
  /** Of the bar and the badge: readable with white text on it, on light and dark ground. */
  readonly colour: string;
}

const LOOKS: Readonly<Record<Severity, Look>> = {
  info: { emoji: 'ℹ️', word: 'For information', colour: '#2563a8' },
  warning: { emoji: '⚠️', word: 'Needs attention', colour: '#9a6200' },
  critical: { emoji: '🚨', word: 'Act now', colour: '#b3261e' },
};
const GOOD: Look = { emoji: '✅', word: 'Done', colour: '#1a7f4b' };

/** What is no longer burning looks so, whatever its severity is. */
const STATUS_LOOKS: Readonly<Partial<Record<IncidentNews['status'], Look>>> = {
  recovering: { emoji: '⏳', word: 'Recovering', colour: '#2563a8' },
  resolved: { emoji: '✅', word: 'Resolved', colour: '#1a7f4b' },
  expired: { emoji: '⌛', word: 'Expired', colour: '#5b6670' },
  silenced: { emoji: '🔕', word: 'Silenced', colour: '#5b6670' },
};

/** An incident looks like its status, good news looks good; the rest looks like its severity. */
export function lookOf(notice: Notice, status?: IncidentNews['status']): Look {
  const known = status === undefined ? undefined : STATUS_LOOKS[status];
  if (known !== undefined) return known;
  const good = notice.severity === 'info' && (notice.kind === 'rotation_done' || notice.kind === 'key_revoked');
  return good ? GOOD : LOOKS[notice.severity];
}

/** What identifies a notice, for its foot: labels and values in order. */
export function footOf(notice: Notice): readonly (readonly [string, string])[] {
  const parts: readonly (readonly [string, string | null])[] = [
    ['credential', notice.credential],
    ['issuer', notice.issuer],
    ['rotation', notice.rotationId],
  ];
  return parts.filter((part): part is readonly [string, string] => part[1] !== null);
}

/** What a message says of the decision that it asks for; null where it asks for none, or can not. */
export function askOf({ ask }: Notice): { readonly url: string; readonly label: string; readonly note: string } | null {
  if (ask?.url === undefined) return null;
  return { url: ask.url, label: 'See what would happen, and decide', note: `Opening it changes nothing. It works once, until ${instant(new Date(ask.expiresAt))}; whoever has it can decide, so do not pass it on.` };
}

/** `2026-03-04 05:06 UTC`. */
export function instant(at: Date): string {
  return `${at.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}

/** Which channels a message goes to. */
import { matchesAny } from '../core/pattern.ts';
import type { Severity } from '../core/vocabulary.ts';
import type { ParsedConfig } from './schema.ts';
import type { RouteConfig } from './schema/channels.ts';

/** Whom a message is about: a credential, or (null) an issuer or Keyturn itself. */
export interface Subject {
  readonly credential: string | null;
  readonly owner: string | null;
  /** Of an alert. */
  readonly rule?: string | undefined;
  /** The credential's. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** The credential's own channels, which come before routes. */
  readonly notify?: readonly string[] | undefined;
}

type Routing = Pick<ParsedConfig, 'channels' | 'routes'>;

/**
 * Names of channels, in the order of the file. A credential's `notify` comes before routes; all matching routes apply;
 * without routes it is every channel. What is about no credential is taken by routes that ask for none, and where there
 * is no such route by every channel: better twice than unheard.
 */
export function channelsFor(config: Routing, subject: Subject, severity: Severity): readonly string[] {
  const all = Object.keys(config.channels);
  const { notify } = subject;
  if (notify !== undefined) return all.filter((name) => notify.includes(name));
  if (config.routes === undefined) return all;
  const open = config.routes.filter((route) => takes(route, subject));
  if (subject.credential === null && open.length === 0) return all;
  const named = open.filter((route) => route.severity?.includes(severity) ?? true).flatMap((route) => route.channels);
  return all.filter((name) => named.includes(name));
}

/** Where the summary goes, and when it comes. Switched off, its time is only that of the line in the log. */
export function summaryFor(config: Routing & Pick<ParsedConfig, 'summary'>): { readonly every: 'day' | 'week'; readonly on: string; readonly at: string; readonly timezone: string; readonly channels: readonly string[] } {
  if (config.summary === 'off') return { every: 'day', on: 'mon', at: '08:00', timezone: 'UTC', channels: [] };
  const { every, on, at, timezone, channels } = config.summary;
  return { every, on, at, timezone, channels: channels ?? channelsFor(config, { credential: null, owner: null }, 'info') };
}

function takes(route: RouteConfig, subject: Subject): boolean {
  return refusalOf(route, subject) === null;
}

/** The first thing that keeps a route from taking what is about this subject; null when it takes it. */
function refusalOf({ credentials, owners, rules, labels = {} }: RouteConfig, subject: Subject): string | null {
  if (!fitsAny(credentials, subject.credential)) return `takes credentials ${credentials?.join(', ')}`;
  if (!fitsAny(owners, subject.owner)) return `takes owners ${owners?.join(', ')}`;
  if (!fitsAny(rules, subject.rule ?? null)) return `takes rules ${rules?.join(', ')}`;
  const missing = Object.entries(labels).find(([label, pattern]) => !fitsAny([pattern], labelOf(subject, label)));
  return missing === undefined ? null : `takes the label ${missing.join('=')}`;
}

export interface RouteLine {
  /** As counted in the file, from 1. */
  readonly line: number;
  readonly channels: readonly string[];
  readonly takes: boolean;
  /** Why not; null where it takes it. */
  readonly because: string | null;
}

export interface Routed {
  readonly channels: readonly string[];
  /** `notify` of the credential, `routes`, or `everything` where no route says otherwise. */
  readonly by: 'notify' | 'routes' | 'everything';
  readonly lines: readonly RouteLine[];
}

/** The same as `channelsFor`, with the reasons. */
export function explainRoute(config: Routing, subject: Subject, severity: Severity): Routed {
  const lines = (config.routes ?? []).map((route, n): RouteLine => {
    const because = refusalOf(route, subject) ?? (route.severity?.includes(severity) === false ? `takes severity ${route.severity.join(', ')}` : null);
    return { line: n + 1, channels: route.channels, takes: because === null, because };
  });
  const everywhere = config.routes === undefined || (subject.credential === null && !config.routes.some((route) => takes(route, subject)));
  return { channels: channelsFor(config, subject, severity), by: subject.notify !== undefined ? 'notify' : everywhere ? 'everything' : 'routes', lines };
}

function labelOf({ labels = {} }: Subject, label: string): string | null {
  return Object.hasOwn(labels, label) ? (labels[label] ?? null) : null;
}

function fitsAny(patterns: readonly string[] | undefined, name: string | null): boolean {
  return patterns === undefined || (name !== null && matchesAny(patterns, name));
}

/** A report as a document for people, before it gets a form: headings, texts, tables. Text between backticks is code. Pure. */
import { duration, listed, plural } from '../core/phrases.ts';
import { isStranger } from './callers.ts';
import type { IncidentReport, ReportedCaller } from './schema.ts';
import { moment, named, number, outside, percent, requests, STATUS } from './words.ts';

export type Block =
  | { readonly block: 'text'; readonly text: string }
  | { readonly block: 'list'; readonly items: readonly string[] }
  | { readonly block: 'facts'; readonly facts: readonly (readonly [label: string, value: string])[] }
  /** Numbers stand right: those columns are named. */
  | { readonly block: 'table'; readonly head: readonly string[]; readonly rows: readonly (readonly string[])[]; readonly right: readonly string[] }
  | { readonly block: 'bars'; readonly bars: readonly Bar[] };

type ScopeUse = NonNullable<IncidentReport['usage']['scopes']['used']>[number];

export interface Bar {
  readonly label: string;
  readonly value: number;
  readonly text: string;
}

export interface Section {
  readonly heading: string;
  readonly blocks: readonly Block[];
}

export interface IncidentDocument {
  readonly title: string;
  readonly status: IncidentReport['status'];
  readonly badge: string;
  readonly summary: string;
  readonly sections: readonly Section[];
  readonly foot: string;
}

export function documentOf(report: IncidentReport): IncidentDocument {
  const sections = [overview(report), unusual(report), callersSection(report), byTime(report), keysSection(report), recoverySection(report), questions(report), alertsSection(report), chain(report)];
  return {
    title: `${report.credential}: emergency revocation`,
    status: report.status,
    badge: STATUS[report.status],
    summary: report.summary,
    sections: sections.filter(({ blocks }) => blocks.length > 0),
    foot: `Incident ${outside(report.incident.id)}, as the ledger knew it at ${moment(report.at)}. Times are in UTC.`,
  };
}

const BASIS: Readonly<Record<IncidentReport['window']['basis'], string>> = {
  evidence: 'from the earliest evidence of the leak', creation: 'from the creation of the key, since nothing tells when it leaked', asked: 'from when it was asked for, since not even its creation is known',
};

function overview({ asked, leak, window, issuer, owner, keys, recovery, usage }: IncidentReport): Section {
  const slowest = keys.map(({ revokedAfterMs }) => revokedAfterMs).reduce<number | null>((most, ms) => (most === null || ms === null ? null : Math.max(most, ms)), 0);
  const failed = usage.seen.map(({ source, refusedInGap }) => [source, refusedInGap ?? 0] as const).filter(([, count]) => count > 0);
  const span = duration(Date.parse(window.until) - Date.parse(window.from));
  const facts: (readonly [string, string])[] = [
    ['Asked for', `by ${outside(asked.by)} at ${moment(asked.at)}: ${outside(asked.why)}`],
    ['Leak', leakText(leak)],
    ['Exposure window', `${moment(window.from)} to ${window.open ? 'now, as a key still lives' : moment(window.until)}, which is ${span}; ${BASIS[window.basis]}`],
    ['Asked to dead', keys.length > 0 && slowest !== null ? duration(slowest) : 'not dead yet'],
    ...(recovery?.gapMs == null ? [] : [['Dead to healthy', recovery.recoveredAt === null ? 'not healthy yet' : duration(recovery.gapMs)] as const]),
    ['Failed in between', failed.length === 0 ? 'no request that a source told of' : named(failed.map(([source, count]) => `${requests(count)} (${outside(source)})`))],
    ['Issuer', outside(issuer)],
    ...(owner === null ? [] : [['Owner', outside(owner)] as const]),
  ];
  return { heading: 'In short', blocks: [{ block: 'facts', facts }] };
}

function leakText(leak: IncidentReport['leak']): string {
  if (leak === null) return 'nothing was told of it';
  const parts = [leak.where === null ? 'where is not known' : `at ${outside(leak.where)}`, leak.foundAt === null ? '' : `found by ${moment(leak.foundAt)} at the latest`, leak.earliestAt === null ? '' : `readable since ${moment(leak.earliestAt)}`, leak.by === null ? '' : `told by ${outside(leak.by)}`];
  return parts.filter((part) => part !== '').join(', ');
}

function unusual({ standsOut, usage }: IncidentReport): Section {
  const nothing = usage.seen.length === 0 ? [] : [{ block: 'text' as const, text: 'Nothing in the usage that was seen differs from what is usual for this credential, as far as there is a history to compare with.' }];
  return { heading: 'What stands out', blocks: standsOut.length === 0 ? nothing : [{ block: 'list', items: standsOut.map(({ text }) => text) }] };
}

const SHOWN_CALLERS = 30;

function callersSection({ usage: { callers, sources } }: IncidentReport): Section {
  if (callers.length === 0) return { heading: 'Who called', blocks: sources.length === 0 ? [] : [{ block: 'text', text: 'No source told of anybody.' }] };
  const order = [...callers].sort((a, b) => Number(isStranger(b)) - Number(isStranger(a)) || b.requests - a.requests);
  const rows = order.slice(0, SHOWN_CALLERS).map((caller) => [outside(caller.address), outside(caller.program), number(caller.requests), percent(caller.share), `${number(caller.failed)} / ${number(caller.denied)}`, moment(caller.firstSeenAt), moment(caller.lastSeenAt), standingText(caller), outside(caller.source)]);
  return {
    heading: 'Who called',
    blocks: [
      { block: 'text', text: 'Requests of each caller are counted since it was first seen with the key, refused ones included.' },
      { block: 'table', head: ['Address', 'Program', 'Requests', 'Share', 'Failed / refused', 'First seen', 'Last seen', 'Standing', 'Source'], right: ['Requests', 'Share', 'Failed / refused'], rows },
      ...(callers.length > SHOWN_CALLERS ? [{ block: 'text' as const, text: `${plural(callers.length - SHOWN_CALLERS, 'caller')} more: the JSON form has all.` }] : []),
    ],
  };
}

function standingText(caller: ReportedCaller): string {
  const { network, agent, usesReplacement, requests: made, denied } = caller;
  if (made === denied) return 'only tried';
  if (isStranger(caller)) return listed([...(network === 'new' ? ['new network'] : []), ...(agent === 'new' ? ['new program'] : [])]);
  if (network === 'known' && agent === 'known') return usesReplacement === true ? 'known, uses the replacement' : 'known';
  return usesReplacement === false ? 'not seen with the replacement' : 'cannot be told';
}

const HOUR_MS = 3_600_000;
/** Longer windows are drawn by the day. */
const MOST_HOURS = 72;
const MOST_BARS = 72;

function byTime({ usage: { hours, seen }, window }: IncidentReport): Section {
  const byDay = Date.parse(window.until) - Date.parse(window.from) > MOST_HOURS * HOUR_MS;
  const blocks = [...new Set(seen.map(({ source }) => source))].flatMap((source): Block[] => {
    const bars = barsOf(hours.filter((hour) => hour.source === source), byDay);
    const shown = bars.slice(-MOST_BARS);
    if (shown.length === 0) return [];
    const left = bars.length > shown.length ? ` The last ${shown.length} of ${bars.length} are shown.` : '';
    return [{ block: 'text', text: `As ${outside(source)} tells. Silent ${byDay ? 'days' : 'hours'} are left out.${left}` }, { block: 'bars', bars: shown }];
  });
  return { heading: byDay ? 'Requests by day' : 'Requests by hour', blocks };
}

function barsOf(hours: IncidentReport['usage']['hours'], byDay: boolean): readonly Bar[] {
  const groups = Map.groupBy(hours, ({ at }) => (byDay ? at.slice(0, 10) : at.slice(0, 16).replace('T', ' ')));
  return [...groups].map(([label, some]): Bar => {
    const [made, failed, denied] = [some.reduce((sum, one) => sum + one.requests, 0), some.reduce((sum, one) => sum + one.failed, 0), some.reduce((sum, one) => sum + one.denied, 0)];
    const bad = [...(failed === 0 ? [] : [`${number(failed)} failed`]), ...(denied === 0 ? [] : [`${number(denied)} refused`])];
    return { label, value: made, text: `${number(made)}${bad.length === 0 ? '' : ` (${bad.join(', ')})`}` };
  });
}

function scopeRow({ source, issuerKeyId, scope, requests: made, refused, firstSeenAt, lastSeenAt }: ScopeUse): readonly string[] {
  return [outside(source), outside(issuerKeyId), outside(scope), number(made), number(refused), moment(firstSeenAt), moment(lastSeenAt)];
}

function keysSection({ keys, usage: { seen, scopes } }: IncidentReport): Section {
  const rows = keys.map((key) => [outside(`${key.prefix}…`), outside(key.issuerKeyId), key.createdAt === null ? 'unknown' : moment(key.createdAt), key.revokedAt === null ? 'not yet' : moment(key.revokedAt), key.revokedAfterMs === null ? '–' : duration(key.revokedAfterMs), key.outcome === 'gone' ? 'was gone already' : (key.outcome ?? 'still tried')]);
  const counts = seen.map((one) => [outside(one.source), outside(one.issuerKeyId), number(one.requests), number(one.failed), number(one.denied), number(one.mostAddresses), number(one.usedAfter), number(one.refusedAfter)]);
  return {
    heading: 'The keys',
    blocks: [
      ...(rows.length === 0 ? [] : [{ block: 'table' as const, head: ['Key', 'Id', 'Created', 'Revoked', 'After', 'Outcome'], right: [], rows }]),
      ...(counts.length === 0 ? [] : [{ block: 'table' as const, head: ['Source', 'Id', 'Requests', 'Failed', 'Refused', 'Addresses in an hour', 'Used after', 'Refused after'], right: ['Requests', 'Failed', 'Refused', 'Addresses in an hour', 'Used after', 'Refused after'], rows: counts }]),
      ...(scopes.granted.length === 0 ? [] : [{ block: 'text' as const, text: `Scopes: ${listed(scopes.granted.map(outside))}.${scopes.used === null ? ' Which of them were used no source told.' : ''}` }]),
      ...(scopes.used === null || scopes.used.length === 0 ? [] : [{ block: 'table' as const, head: ['Source', 'Id', 'Asked for', 'Requests', 'Not allowed', 'First seen', 'Last seen'], right: ['Requests', 'Not allowed'], rows: scopes.used.map(scopeRow) }]),
    ],
  };
}

const row = (what: string, name: string, at: string | null, afterMs: number | null): string[] => [what, outside(name), at === null ? 'not yet' : moment(at), afterMs === null ? '–' : duration(afterMs)];

function recoverySection({ recovery }: IncidentReport): Section {
  if (recovery === null) return { heading: 'Recovery', blocks: [{ block: 'text', text: 'No replacement was asked for.' }] };
  const rows = [...recovery.stores.map(({ place, at, afterMs }) => row('store', place, at, afterMs)), ...recovery.applications.map(({ check, at, afterMs }) => row('application', check, at, afterMs))];
  return {
    heading: 'Recovery',
    blocks: [
      { block: 'facts', facts: [['Replacement', recovery.newKey === null ? 'none yet' : outside(`${recovery.newKey.prefix}… (id ${recovery.newKey.issuerKeyId})`)], ['Rotation', `\`${recovery.state}\`: ${outside(recovery.message)}`], ...(recovery.gapMs === null ? [] : [['All healthy', recovery.recoveredAt === null ? 'not yet' : moment(recovery.recoveredAt)] as const])] },
      ...(rows.length === 0 ? [] : [{ block: 'table' as const, head: ['What', 'Name', 'First healthy', 'After it was asked for'], right: [], rows }]),
    ],
  };
}

function questions({ questions }: IncidentReport): Section {
  return { heading: 'Open questions', blocks: questions.length === 0 ? [] : [{ block: 'list', items: questions.map(({ text }) => text) }] };
}

function alertsSection({ alerts }: IncidentReport): Section {
  const rows = alerts.map((alert) => [moment(alert.firedAt), outside(alert.rule), alert.severity, alert.state, outside(alert.title), outside(alert.id)]);
  return { heading: 'Alerts of that time', blocks: rows.length === 0 ? [] : [{ block: 'table', head: ['Fired', 'Rule', 'Severity', 'State', 'What', 'Id'], right: [], rows }] };
}

const SHOWN_EVENTS = 100;

function chain({ audit }: IncidentReport): Section {
  const rows = audit.slice(-SHOWN_EVENTS).map(({ seq, at, type, by, what, hash }) => [String(seq), moment(at), outside(type), outside(by), outside(what), hash === null ? 'not sealed yet' : outside(`${hash.slice(0, 16)}…`)]);
  return {
    heading: 'Chain of audit events',
    blocks: rows.length === 0 ? [] : [
      { block: 'table', head: ['Seq', 'At', 'Event', 'By', 'What', 'Hash'], right: ['Seq'], rows },
      { block: 'text', text: 'The JSON form has the whole hashes. `keyturn audit verify` proves that none was changed.' },
    ],
  };
}

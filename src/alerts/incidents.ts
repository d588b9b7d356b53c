/** From what became of alerts to what is said of their incidents: one message an incident and look, if any. Pure. */
import { isEnded, withEvent, type Alert } from '../core/alert.ts';
import type { IncidentNews } from '../ports/channel.ts';
import { alertNotice, plainAlertNotice, type AlertNoticeArgs, type Message } from './alert-notices.ts';
import { worstFirst } from './groups.ts';
import type { Looked } from './look.ts';
import type { Notice } from '../core/vocabulary.ts';

/** What is to be said of an incident, before it is known by which message in which channel. */
export interface Draft {
  readonly incident: string;
  readonly message: Message;
  readonly status: IncidentNews['status'];
  readonly lead: Alert;
  /** Alerts that it tells of. */
  readonly about: readonly Alert[];
  /** Others of the incident that are not over. */
  readonly others: readonly Alert[];
  /** By channel, what tells of the incident there already. */
  readonly threads: Readonly<Record<string, string>>;
}

/** Every incident of which something is to be said, the worst first. */
export function draftsOf(looked: readonly Looked[]): readonly Draft[] {
  const living = looked.flatMap((one) => (one.after === null || one.after.state === 'pending' ? [] : [{ ...one, after: one.after }]));
  return [...Map.groupBy(living, ({ after }) => after.incident)].flatMap(([incident, members]) => draftOf(incident, members) ?? []).sort((a, b) => worstFirst(a.lead, b.lead));
}

interface Member extends Looked {
  readonly after: Alert;
}

type Choice = (members: readonly Member[]) => readonly Member[];

const withNews = (...wanted: readonly Looked['news'][]): Choice => (members) => members.filter(({ news }) => wanted.includes(news));
const known = ({ before }: Member): boolean => before !== null && before.told !== null;

/** The first that has any; an end is told once it is the end of all that people heard of. */
const KINDS: readonly (readonly [message: Message, about: Choice])[] = [
  ['joined', (members) => (members.some(known) ? withNews('fired')(members) : [])],
  ['fired', withNews('fired')],
  ['worse', withNews('worse')],
  ['repeated', withNews('repeated')],
  ['resolved', (members) => (stillTold(members) ? [] : withNews('resolved')(members))],
  ['expired', (members) => (stillTold(members) ? [] : withNews('expired')(members))],
];

function stillTold(members: readonly Member[]): boolean {
  return members.some(({ after }) => !isEnded(after) && after.told !== null);
}

function draftOf(incident: string, members: readonly Member[]): Draft | null {
  for (const [message, about] of KINDS) {
    const alerts = about(members).map(({ after }) => after).sort(worstFirst);
    const [lead] = alerts;
    if (lead === undefined) continue;
    const others = members.map(({ after }) => after).filter((after) => after.id !== lead.id && !isEnded(after)).sort(worstFirst);
    return { incident, message, status: statusOf(members), lead, about: alerts, others, threads: Object.assign({}, ...members.map(({ after }) => after.threads)) as Draft['threads'] };
  }
  return null;
}

function statusOf(members: readonly Member[]): IncidentNews['status'] {
  const states = members.map(({ after }) => after.state);
  return (['firing', 'recovering', 'resolved'] as const).find((state) => states.includes(state)) ?? 'expired';
}

/** True for messages that begin something for who reads them; ends go only where the beginning went. */
export function isEnd({ message }: Pick<Draft, 'message'>): boolean {
  return message === 'resolved' || message === 'expired';
}

/** Never throws: where words cannot be found for it, it says so plainly. */
export function noticeOf({ message, lead, others }: Draft, now: Date, build: (args: AlertNoticeArgs) => Notice = alertNotice): Notice {
  const args = { message, lead, others, now: now.getTime() };
  try {
    return build(args);
  } catch {
    return plainAlertNotice(args);
  }
}

/** The alerts of an incident after its message: where it is told of, and that those of which it did not speak are not repeated by themselves soon. */
export function afterMessage(alert: Alert, draft: Draft, threads: Readonly<Record<string, string>>, now: Date): Alert {
  const spokenOf = draft.about.some(({ id }) => id === alert.id);
  const carried = { ...alert, threads: { ...alert.threads, ...threads } };
  if (spokenOf || alert.told === null || isEnded(alert)) return carried;
  const told = { ...alert.told, at: now.getTime(), age: alert.age, times: alert.told.times + 1 };
  return withEvent({ ...carried, told }, now.getTime(), 'told', `${draft.message}, with ${draft.lead.id}`);
}

/** A scan judged: what is to be written of alerts, storms and messages. Pure; the ledger takes all of it or nothing. */
import { isEnded, type Alert, type ChannelStorm, type Digest, type Silence } from '../core/alert.ts';
import type { AlertChanges, AlertDelivery } from '../ports/alert-ledger.ts';
import { digestNotice } from './alert-notices.ts';
import { worstFirst } from './groups.ts';
import { afterMessage, draftsOf, isEnd, noticeOf, type Draft } from './incidents.ts';
import { lookAtAll, type LookSettings, type Scan } from './look.ts';
import type { Matched } from './mutes.ts';
import { admit, calm, isNear, type Newcomer } from './storm.ts';

export interface AlertSettings extends LookSettings {
  /** First messages of incidents that a channel gets in any minute. */
  readonly perMinute: number;
  /** Names of the channels that an alert goes to. */
  readonly route: (matched: Matched) => readonly string[];
  /** Channels that there are. */
  readonly channels: readonly string[];
}

/** What the ledger held when it was asked. */
export interface World {
  readonly open: readonly Alert[];
  readonly silences: readonly Silence[];
  readonly storms: readonly ChannelStorm[];
}

export interface Judging {
  readonly settings: AlertSettings;
  readonly now: Date;
  readonly newId: () => string;
}

/** A digest says that it has changed no more often than this. */
const DIGEST_EVERY_MS = 30_000;
/** An alert of which only the clock went on is written again after this. Shorter than `LONGEST_STEP_MS`, so that no time is lost. */
const REFRESH_MS = 60_000;

export function judge(world: World, scan: Scan, judging: Judging): AlertChanges {
  const looked = lookAtAll(world.open, world.silences, scan, judging);
  const drafts = draftsOf(looked).map((draft): Addressed => ({ draft, channels: channelsOf(draft, judging.settings) }));
  const after = new Map(looked.flatMap(({ after }) => (after === null ? [] : [[after.id, after] as const])));
  const byIncident = Map.groupBy([...after.values()].filter(({ state }) => state !== 'pending'), ({ incident }) => incident);
  const storms = new Map(world.storms.map((storm) => [storm.channel, storm]));
  const placed = judging.settings.channels.map((channel) => place(channel, storms.get(channel) ?? calm(channel), drafts, judging));
  for (const { draft } of drafts) {
    const threads = Object.fromEntries(placed.flatMap(({ channel, threads }) => { const id = threads.get(draft.incident); return id === undefined ? [] : [[channel, id] as const]; }));
    for (const alert of byIncident.get(draft.incident) ?? []) after.set(alert.id, afterMessage(alert, draft, threads, judging.now));
  }
  const told = placed.map((one) => tellDigests(one, [...after.values()], judging));
  return {
    alerts: looked.flatMap(({ before, after: seen }) => (seen === null ? [] : written(before, after.get(seen.id) ?? seen))),
    dropped: looked.flatMap(({ before, after: seen }) => (before !== null && seen === null ? [{ id: before.id, version: before.version }] : [])),
    channels: told.flatMap(({ state, channel }) => (state === (storms.get(channel) ?? null) || (state.version === 0 && state.singles.length + state.digests.length === 0) ? [] : [state])),
    deliveries: told.flatMap(({ deliveries }) => deliveries),
  };
}

interface Addressed {
  readonly draft: Draft;
  readonly channels: readonly string[];
}

function channelsOf(draft: Draft, { route, channels }: AlertSettings): readonly string[] {
  const named = isEnd(draft) ? Object.keys(draft.threads) : draft.about.flatMap(({ finding, worst }) => route({ ...finding, severity: worst }));
  return channels.filter((channel) => named.includes(channel));
}

interface Placed {
  readonly channel: string;
  readonly state: ChannelStorm;
  /** By incident, what tells of it here from now on. */
  readonly threads: ReadonlyMap<string, string>;
  readonly deliveries: readonly AlertDelivery[];
}

/** Which message of this channel tells of each draft: its own, or the digest's. */
function place(channel: string, storm: ChannelStorm, drafts: readonly Addressed[], { settings, now, newId }: Judging): Placed {
  const mine = drafts.filter(({ channels }) => channels.includes(channel)).map(({ draft }) => draft);
  const newcomers = mine.filter((draft) => wantsItsOwn(draft, channel)).map((draft): Newcomer => ({ incident: draft.incident, severity: draft.lead.worst, digest: draft.threads[channel] ?? null }));
  const admitted = newcomers.length === 0 ? null : admit(storm, newcomers, now.getTime(), settings.perMinute, newId);
  const threadOf = ({ incident, threads }: Draft): string => (admitted?.single.has(incident) === true ? incident : (admitted?.digested.get(incident) ?? threads[channel] ?? incident));
  const threads = new Map(mine.map((draft) => [draft.incident, threadOf(draft)]));
  const touched = new Set(threads.values());
  const state = admitted?.state ?? storm;
  return {
    channel, threads,
    state: state.digests.some(({ id, dirty }) => touched.has(id) && !dirty) ? { ...state, digests: state.digests.map((digest) => (touched.has(digest.id) ? { ...digest, dirty: true } : digest)) } : state,
    deliveries: mine.filter((draft) => threads.get(draft.incident) === draft.incident).map((draft) => ({ channel, incident: draft.incident, status: draft.status, notice: noticeOf(draft, now) })),
  };
}

/** It has no message here yet; or it got worse, and so far a digest speaks for it. */
function wantsItsOwn(draft: Draft, channel: string): boolean {
  const thread = draft.threads[channel];
  return !isEnd(draft) && (thread === undefined || (draft.message === 'worse' && thread !== draft.incident));
}

/** Digests that have changed say so, those whose alerts are all over for the last time. */
function tellDigests(placed: Placed, alerts: readonly Alert[], { now }: Judging): Placed {
  if (placed.state.digests.length === 0) return placed;
  const at = now.getTime();
  const deliveries: AlertDelivery[] = [];
  const digests = placed.state.digests.flatMap((digest): readonly Digest[] => {
    const open = alerts.filter((alert) => alert.threads[placed.channel] === digest.id && !isEnded(alert)).sort(worstFirst);
    const due = digest.dirty && (digest.saidAt === null || open.length === 0 || Math.abs(at - digest.saidAt) >= DIGEST_EVERY_MS);
    if (due) deliveries.push({ channel: placed.channel, incident: digest.id, status: open.length === 0 ? 'resolved' : 'firing', notice: digestNotice({ digest, open, now: at }) });
    const said = due ? { ...digest, saidAt: at, dirty: false } : digest;
    return open.length === 0 && !said.dirty && !isNear(digest.lastAt, at) ? [] : [said];
  });
  const same = digests.length === placed.state.digests.length && digests.every((digest, n) => digest === placed.state.digests[n]);
  return { ...placed, state: same ? placed.state : { ...placed.state, digests }, deliveries: [...placed.deliveries, ...deliveries] };
}

/** Only what has changed, or has not been written for a while. */
function written(before: Alert | null, after: Alert): readonly Alert[] {
  if (before === null) return [after];
  const moved = before.state !== after.state || before.worst !== after.worst || before.told !== after.told || before.incident !== after.incident || before.threads !== after.threads || before.finding.severity !== after.finding.severity;
  return moved || (!isEnded(after) && Math.abs(after.at - before.at) >= REFRESH_MS) ? [after] : [];
}

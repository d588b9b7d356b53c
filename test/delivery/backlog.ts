/** Incidents that wait to be told, written as the judging of alerts writes them. */
import { ulid } from 'ulid';
import type { AlertDelivery, AlertLedger } from '../../src/ports/alert-ledger.ts';
import type { IncidentNews } from '../../src/ports/channel.ts';
import { sampleNotice } from '../contracts/channel.ts';

/** What is told of the nth incident: some only begin, some get worse, some end. */
const STORIES: readonly (readonly IncidentNews['status'][])[] = [['firing', 'firing', 'resolved'], ['firing'], ['firing', 'resolved'], ['firing']];

export interface Told {
  readonly channel: string;
  readonly incident: string;
  /** What is told of it, in order, by the marks in the messages' titles. */
  readonly marks: readonly string[];
}

/** Writes `incidents` for each channel, in several transactions; answers what must arrive. */
export async function writeBacklog(alerts: AlertLedger, channels: readonly string[], incidents: number): Promise<readonly Told[]> {
  const told = Array.from({ length: incidents }, (_, n) => ({ id: ulid(), story: STORIES[n % STORIES.length] ?? ['firing' as const], n }));
  const written: Told[] = [];
  for (const { id, story, n } of told) {
    const deliveries = story.map((status, m): AlertDelivery => ({ channel: '', incident: id, status, notice: noticeFor(`(${n}.${m})`, id, status) }));
    await alerts.apply({ alerts: [], dropped: [], channels: [], deliveries: channels.flatMap((channel) => deliveries.map((one) => ({ ...one, channel }))) });
    written.push(...channels.map((channel) => ({ channel, incident: id, marks: story.map((_status, m) => `(${n}.${m})`) })));
  }
  return written;
}

function noticeFor(mark: string, incident: string, status: IncidentNews['status']): AlertDelivery['notice'] {
  return {
    ...sampleNotice, kind: 'alert', rotationId: null, severity: status === 'firing' ? 'warning' : 'info',
    title: `prod-api: far more requests than usual ${mark}`, happened: `Key \`hm_live_…\` made 500 requests a minute. ${mark}`, dedupeKey: `${incident} ${mark}`,
  };
}

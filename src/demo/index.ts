/** `keyturn demo`: real processes on this machine, six acts, and a verdict by what everybody but Keyturn saw. */
import pc from 'picocolors';
import type { Terminal } from '../cli/terminal.ts';
import { EXIT } from '../core/errors.ts';
import { badKey, bootstrap, killedWorker, onSchedule } from './acts.ts';
import { collect } from './evidence.ts';
import { judge, type Verdict } from './judge.ts';
import { leakedKey } from './leak.ts';
import { openPlay } from './play.ts';
import { showVerdict } from './report.ts';
import { openScreen, type Screen } from './screen.ts';
import { setStage, type Stage } from './stage.ts';
import { unusualUse } from './unusual.ts';
import { Interrupted } from './until.ts';
import { startWatchman, type Watchman } from './watchman.ts';

export interface DemoOptions {
  /** Ends with one JSON object as the last line of standard output; what comes before is plain. */
  readonly json: boolean;
  /** Where the story goes. */
  readonly out: Terminal;
}

/** What `--json` prints last. */
export interface DemoReport extends Verdict {
  readonly durationMs: number;
}

/** After this the demo gives up, so that it has ended, cleaned up, within two minutes. */
const LONGEST_MS = 110_000;
const INTERRUPTED = 130;
const INTERRUPTS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const LOG_LINES = 15;

/**
 * Gives the exit code: 0 when every promise was kept; 1 when one was broken or something did not come in time; 130 when
 * interrupted, and then no figures. Children and files are gone when it returns.
 */
export async function runDemo({ json, out }: DemoOptions): Promise<number> {
  const began = performance.now();
  const screen = openScreen(json ? { interactive: false, width: out.width, line: (text) => out.line(text) } : out, json ? pc.createColors(false) : out.colors);
  const interrupted = new AbortController();
  const interrupt = (): void => interrupted.abort(new Interrupted('Stopped.'));
  for (const name of INTERRUPTS) process.on(name, interrupt);
  try {
    const { verdict, ended } = await perform(screen, AbortSignal.any([interrupted.signal, AbortSignal.timeout(LONGEST_MS)]));
    const report: DemoReport = { ...verdict, durationMs: Math.round(performance.now() - began) };
    if (ended) showVerdict(screen, report, report.durationMs);
    if (json) out.line(JSON.stringify(report));
    return report.promisesBroken.length === 0 ? EXIT.ok : EXIT.failed;
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    out.note('Stopped; everything the demo started is gone.');
    return INTERRUPTED;
  } finally {
    for (const name of INTERRUPTS) process.off(name, interrupt);
  }
}

interface Outcome {
  readonly verdict: Verdict;
  /** False when the story broke off. */
  readonly ended: boolean;
}

async function perform(screen: Screen, signal: AbortSignal): Promise<Outcome> {
  let [stage, watchman]: [Stage | null, Watchman | null] = [null, null];
  try {
    screen.title('Keyturn demo', 'One credential, rotated for real: processes, a ledger, an API and an application, all on this machine and gone afterwards.');
    stage = await setStage(signal);
    watchman = startWatchman(stage.envFile, stage.sandbox);
    introduce(screen, stage);
    const play = openPlay(stage, screen, signal);
    for (const act of [bootstrap, onSchedule, badKey, killedWorker, unusualUse]) await act(play);
    const emergency = await leakedKey(play);
    return { verdict: judge(await collect(play, watchman, emergency)), ended: true };
  } catch (error) {
    // Whatever was under way fails in its own words when the signal ends it.
    const cause: unknown = signal.aborted ? signal.reason : error;
    if (cause instanceof Interrupted) throw cause;
    return { verdict: await unfinished(screen, stage, cause), ended: false };
  } finally {
    await watchman?.stop();
    await stage?.stopAll();
  }
}

const place = (url: string): string => new URL(url).host;

function introduce(screen: Screen, stage: Stage): void {
  screen.cast('HyperMemory', 'a sandbox that speaks its API', place(stage.sandboxUrl));
  screen.cast('application', 'calls it without pause, by app.env', place(stage.applicationUrl));
  screen.cast('Slack', 'a catcher of messages', place(stage.slack.url));
  screen.cast('mail', 'a catcher of mail', `${stage.mail.host}:${stage.mail.port}`);
  screen.cast('worker', 'keyturn up, ledger and queue embedded', 'starts in act 1');
  screen.shorten(`${stage.dir}/`, '');
  // Of instants, the time of day.
  screen.shorten(/\d{4}-\d\d-\d\dT(\d\d:\d\d:\d\d\.\d)\d*Z/g, '$1');
}

/** What can be said when the story did not reach its end: why, and the figures so far. */
async function unfinished(screen: Screen, stage: Stage | null, error: unknown): Promise<Verdict> {
  const why = whyOf(error);
  screen.blank();
  screen.event('bad', 'demo', why.split('\n', 1)[0] ?? '');
  for (const line of why.split('\n').slice(1)) screen.line(line);
  const log = stage?.workerLines().slice(-LOG_LINES) ?? [];
  if (log.length > 0) screen.line(`   The worker's last ${log.length} lines:\n${log.map((line) => `     ${line}`).join('\n')}`);
  const [keys, application] = [await stage?.sandbox.keys().catch(() => []) ?? [], await stage?.application().catch(() => null)];
  const [slackMessages, mails] = [stage?.slack.messages.length ?? 0, stage?.mail.messages.length ?? 0];
  return {
    keysMinted: keys.length,
    keysLive: keys.filter((key) => key.status === 'active').length,
    applicationRequests: application?.requests ?? 0,
    applicationFailures: application?.failures ?? 0,
    failuresInEmergencyGap: 0, emergencyGapMs: null, timeToRevokeMs: null,
    messagesDelivered: slackMessages + mails,
    slackMessages, mails,
    rotations: {}, longestRotationMs: 0,
    promisesKept: [],
    promisesBroken: [`The demo reaches its end: ${why.split('\n', 1)[0] ?? ''}`],
  };
}

function whyOf(error: unknown): string {
  if (error instanceof DOMException && error.name === 'TimeoutError') return `The demo took longer than ${LONGEST_MS / 1_000} s, so it was stopped.`;
  return error instanceof Error ? error.message : String(error);
}

/** The end of the demo: everything comes to rest and is stopped, then what everybody saw is collected. */
import { readdir } from 'node:fs/promises';
import { CREDENTIAL } from './config-text.ts';
import { readServed } from './env-file.ts';
import type { Emergency } from './gap.ts';
import { leaksIn } from './judge.ts';
import type { Play } from './play.ts';
import type { Evidence } from './promises.ts';
import { DemoFailure, until } from './until.ts';
import type { Watchman } from './watchman.ts';

const REST_MS = 20_000;
const WORKER_GRACE_MS = 12_000;
const ALL = 1_000;

export async function collect({ stage, signal }: Play, watchman: Watchman, emergency: Emergency): Promise<Evidence> {
  const { client, worker, slack, mail } = stage;
  if (worker === null) throw new DemoFailure('There is no worker to ask.');
  await client.pause({ scope: 'all', name: null }, { who: 'demo', why: 'the demo ends' });
  const status = await until('Everything comes to rest', { withinMs: REST_MS, everyMs: 100, signal }, async () => {
    const seen = await client.status();
    return atRest(seen) ? seen : null;
  });
  const [rotations, audit, leaks, incidents] = await Promise.all([client.rotations({ credential: CREDENTIAL, limit: ALL }), client.verifyAudit(), client.leaks({}), client.incidents({})]);
  const reports = await Promise.all(incidents.map(({ id }) => client.incidentText(id, 'markdown')));
  const workerEnd = await worker.stop(WORKER_GRACE_MS);
  const application = await stage.drainApplication();
  return {
    keys: await stage.sandbox.keys(),
    served: await readServed(stage.envFile),
    leftovers: (await readdir(stage.dir)).filter((name) => name.startsWith('.app.env')),
    watched: await watchman.stop(),
    application, emergency, rotations, audit, workerEnd,
    calls: await stage.applicationCalls(),
    currentKeyId: status.credentials.find(({ credential }) => credential === CREDENTIAL)?.currentKey?.issuerKeyId ?? null,
    openDebts: status.debts.length,
    messages: { slack: slack.messages.map(({ text }) => text), mail: mail.messages.map(({ subject }) => subject), waiting: status.figures.deliveriesWaiting, stuck: status.figures.deliveriesStuck },
    leaks: leaksIn({
      'the worker\'s log': stage.workerLines().join('\n'),
      'a Slack message': JSON.stringify(slack.messages),
      // Soft line breaks of quoted-printable would cut a key in two.
      'a mail': mail.messages.map(({ raw }) => raw.replaceAll(/=\r?\n/g, '')).join('\n'),
      'an incident report': reports.join('\n'),
      'the control API': JSON.stringify([status, rotations, leaks]),
    }),
  };
}

type Status = Awaited<ReturnType<Play['stage']['client']['status']>>;

/** Nothing moves any more, and nobody is owed anything. A rotation that the pause keeps from beginning has done nothing. */
export function atRest({ credentials, debts, figures }: Status): boolean {
  const busy = credentials.some(({ openRotation }) => openRotation !== null && openRotation.state !== 'requested');
  return !busy && debts.length === 0 && figures.deliveriesWaiting === 0 && figures.unsealedAudit === 0;
}

/** The drills job: what the ledger says of each open drill is carried on, by any worker, after any crash. */
import { drillNotPassed, drillPassed } from '../../alerts/drill-notices.ts';
import { decideDrill, drillCredential, drillFile, judgeEvidence, type DrillAction, type DrillStep, type DrillVerdict } from '../../core/drill.ts';
import { describeError } from '../../core/errors.ts';
import type { Revocation } from '../../core/revocation.ts';
import type { Secret } from '../../core/secret.ts';
import { urgently } from '../../core/urgency.ts';
import type { Actor } from '../../core/vocabulary.ts';
import type { Drill } from '../../ports/drill-ledger.ts';
import type { CredentialRecord, Change, NewRotation } from '../../ports/ledger.ts';
import { currentOf, readPlaces } from '../../rotation/evidence.ts';
import { advancing } from '../../rotation/request.ts';
import type { Context } from '../context.ts';
import { wakeOutbox } from '../work-loop.ts';
import type { Work } from '../work.ts';
import { beginDue } from './begin.ts';
import { gatherDrill, type Gathered } from './facts.ts';
import { clear, drillsFolder, leftIn, prepare } from './folder.ts';
import { evidenceOf } from './prove.ts';
import { told } from './tell.ts';

export type Drilling = Pick<Context, 'ledger' | 'drills' | 'engine' | 'config'>;

/** While one is open it is looked at so often. Its figures are the ledger's instants, which this does not change. */
const AGAIN_MS = 500;
const MOST_OPEN = 1_000;
/** What is due is looked for so often while one is open. */
const SCHEDULE_MS = 30_000;
/** More than any drill has. */
const MOST_ACTIONS = 20;

interface Running {
  readonly drill: Drill;
  readonly record: CredentialRecord;
  /** Values of keys that this process has leaked in a drill, to see that they are refused. */
  readonly leaked: Map<string, Secret>;
  readonly signal: AbortSignal;
}

export function createDrills(context: Drilling): Work['drill'] {
  const leaked = new Map<string, Secret>();
  let scheduledAt = Number.NEGATIVE_INFINITY;
  return async (signal) => {
    await tidy(context);
    const before = await openDrills(context);
    const now = (await context.ledger.now()).getTime();
    if (before.length === 0 || now - scheduledAt >= SCHEDULE_MS) {
      scheduledAt = now;
      await beginDue(context, signal);
    }
    for (const drill of await openDrills(context)) {
      if (signal.aborted) return;
      await quietly(context, drill, () => carryOn(context, drill.id, leaked, signal));
    }
    const after = await openDrills(context);
    // One that is over makes room for the next that is due.
    if (before.length + after.length > 0) await context.engine.queue.wake('drills', {}, { delayMs: AGAIN_MS, dedupeKey: 'drills' });
    await wakeOutbox(context);
  };
}

async function openDrills({ drills }: Drilling): Promise<readonly Drill[]> {
  return await drills.drills({ open: true }, { limit: MOST_OPEN });
}

/** Files of drills that are over, also of a worker that died. What lies there was looked up first: a drill is recorded before its folder is made. */
async function tidy({ drills, config }: Drilling): Promise<void> {
  const folder = drillsFolder(config());
  for (const id of leftIn(folder)) {
    const drill = await drills.drill(id);
    if (drill === null || drill.finishedAt !== null) clear(folder, id);
  }
}

/** One drill that cannot be carried on keeps no other back. */
async function quietly({ engine }: Drilling, { id, credential }: Drill, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    engine.log.warn({ credential, drill: id, error: describeError(error) }, 'a drill could not be carried on; the next look does it');
  }
}

/** Until it waits, or is over. */
async function carryOn(context: Drilling, id: string, leaked: Running['leaked'], signal: AbortSignal): Promise<void> {
  for (let n = 0; n < MOST_ACTIONS && !signal.aborted; n += 1) {
    const drill = await context.drills.drill(id);
    const record = drill === null ? null : await context.ledger.credential(drill.credential);
    if (drill === null || record === null || drill.finishedAt !== null) return;
    const gathered = await gatherDrill(context, drill);
    const action = decideDrill(gathered.facts);
    if (!(await act(context, { drill, record, leaked, signal }, gathered, action))) return;
  }
}

/** Answers whether there may be more to do at once. */
async function act(context: Drilling, running: Running, gathered: Gathered, action: DrillAction): Promise<boolean> {
  switch (action.do) {
    case 'wait':
      return false;
    case 'request':
      return await request(context, running, action.step);
    case 'prove':
      return await prove(context, running, gathered);
    case 'judge':
      await judge(context, running, action.verdict);
      return true;
    case 'finish':
      await finish(context, running, gathered);
      return false;
  }
}

const ASKED: Readonly<Record<DrillStep, { readonly kind: NewRotation['kind']; readonly why: string; readonly revocation?: Revocation }>> = {
  mint: { kind: 'manual', why: 'a throw-away key is issued' },
  leak: { kind: 'emergency', why: 'the throw-away key counts as leaked', revocation: { keys: 'every', replace: true } },
  end: { kind: 'emergency', why: 'the drill is over, and what it made is revoked', revocation: { keys: 'every', replace: false } },
};

/** Woken as every other, in the lane of its kind: that belongs to what is tried. */
async function request({ ledger, drills, engine }: Drilling, { drill, leaked, signal }: Running, step: DrillStep): Promise<boolean> {
  const own = await ledger.credential(drillCredential(drill.credential));
  if (own === null) throw new Error(`drill ${drill.id} has no credential of its own`);
  prepare(drillFile(own.plan));
  if (step === 'leak') await keepValue(engine, own, drill.id, leaked, signal);
  const { kind, why, revocation } = ASKED[step];
  const actor: Actor = { who: drill.actor.who, why: `drill ${drill.id}: ${why}` };
  const asked: NewRotation = { credential: own.name, kind, path: kind === 'emergency' ? 'emergency' : 'displace', plan: own.plan, actor, oldKeyId: own.currentKeyId, ...(revocation === undefined ? {} : { notes: { revocation } }) };
  const ask = (): ReturnType<typeof drills.request> => drills.request(drill.id, step, drill.rotations[step], asked);
  const rotation = await (kind === 'emergency' ? urgently(ask) : ask());
  if (rotation === null) return true;
  await engine.queue.wake(advancing(rotation.kind), { rotation: rotation.id });
  return false;
}

/** In memory only: a worker that dies meanwhile takes it along, and the issuer's list tells instead. */
async function keepValue(engine: Drilling['engine'], own: CredentialRecord, drill: string, leaked: Running['leaked'], signal: AbortSignal): Promise<void> {
  const [read] = await readPlaces(engine, (await engine.plugins(own.plan)).places, signal);
  const value = read?.view == null ? undefined : currentOf(read.view)?.value;
  if (value !== undefined) leaked.set(drill, value);
}

async function prove(context: Drilling, running: Running, { rotations, keys, facts }: Gathered): Promise<boolean> {
  const { drill, leaked, signal } = running;
  const { leak } = rotations;
  if (leak === null) return false;
  const evidence = await evidenceOf(context.engine, { plan: leak.plan, revoked: keys.find(({ id }) => id === leak.oldKeyId) ?? null, replacement: keys.find(({ id }) => id === leak.newKeyId) ?? null, value: leaked.get(drill.id) ?? null }, signal);
  const judged = judgeEvidence(evidence, facts.now.getTime() - (leak.finishedAt ?? facts.now).getTime());
  if (judged === null) return false;
  if ('proof' in judged) await context.drills.noteProof(drill.id, judged.proof);
  else await judge(context, running, judged.verdict);
  return true;
}

async function judge(context: Drilling, { drill, record }: Running, verdict: DrillVerdict): Promise<void> {
  const notice = drillNotPassed({ ...drill, owner: record.owner, verdict });
  if ((await context.drills.judge(drill.id, verdict, told(context, record, notice))) === 'recorded') {
    context.engine.log.warn({ credential: drill.credential, drill: drill.id, verdict: verdict.state, why: verdict.why }, 'the drill does not pass');
  }
}

/** The file goes last: until the drill is over, another worker may still want to read it. */
async function finish(context: Drilling, running: Running, { facts: { revokeMs, recoverMs } }: Gathered): Promise<void> {
  const { drill, leaked } = running;
  if ((await context.drills.finish(drill.id, { revokeMs, recoverMs }, passedNotice(context, running, revokeMs, recoverMs))) === 'recorded') {
    context.engine.log.info({ credential: drill.credential, drill: drill.id, revokeMs, recoverMs }, 'drill over');
  }
  leaked.delete(drill.id);
  clear(drillsFolder(context.config()), drill.id);
}

function passedNotice(context: Drilling, { drill, record }: Running, revokeMs: number | null, recoverMs: number | null): NonNullable<Change['notices']> {
  if (drill.verdict !== null || revokeMs === null || recoverMs === null) return [];
  return told(context, record, drillPassed({ ...drill, owner: record.owner, revokeMs, recoverMs }));
}

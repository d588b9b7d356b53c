/** What is known of a drill, from the ledger alone. */
import { drillCredential, type DrillFacts, type DrillRotation, type DrillStep } from '../../core/drill.ts';
import type { Notes } from '../../core/facts.ts';
import { isLiving } from '../../core/revocation.ts';
import type { KeyRecord } from '../../core/vocabulary.ts';
import type { Drill } from '../../ports/drill-ledger.ts';
import type { Rotation } from '../../ports/ledger.ts';
import type { Context } from '../context.ts';

export interface Gathered {
  readonly facts: DrillFacts;
  readonly rotations: Readonly<Record<DrillStep, Rotation | null>>;
  readonly keys: readonly KeyRecord[];
}

export async function gatherDrill({ ledger, drills }: Pick<Context, 'ledger' | 'drills'>, drill: Drill): Promise<Gathered> {
  const credential = drillCredential(drill.credential);
  const read = async (step: DrillStep): Promise<Rotation | null> => (drill.rotations[step] === null ? null : await ledger.rotation(drill.rotations[step]));
  const [mint, leak, end] = await Promise.all([read('mint'), read('leak'), read('end')]);
  const [keys, debts, now, emergencyOf] = await Promise.all([ledger.keysOf(credential), ledger.openDebts({ credential }), ledger.now(), drills.emergencyAt(drill.issuer)]);
  const condemned = keys.filter(({ state }) => state === 'condemned').length;
  return {
    keys, rotations: { mint, leak, end },
    facts: {
      now, startedAt: drill.startedAt, verdict: drill.verdict, refusedBy: drill.refusedBy, emergencyOf,
      rotations: { mint: shown(mint), leak: shown(leak), end: shown(end) },
      ...figuresOf(leak, keys),
      alive: keys.filter(isLiving).length, dying: Math.max(condemned, debts.length),
      debtError: debts.find(({ lastError }) => lastError !== null)?.lastError ?? null,
    },
  };
}

function shown(rotation: Rotation | null): DrillRotation | null {
  if (rotation === null) return null;
  const { state, message, finishedAt } = rotation;
  const { problems = [] }: Notes = rotation.notes;
  return { state, message, finishedAt, problems: problems.map(({ code }) => code) };
}

/** All instants are the ledger's. */
function figuresOf(leak: Rotation | null, keys: readonly KeyRecord[]): Pick<DrillFacts, 'revokeMs' | 'recoverMs'> {
  if (leak === null) return { revokeMs: null, recoverMs: null };
  const { recovering }: Notes = leak.notes;
  const since = (at: Date | null | undefined): number | null => (at == null ? null : Math.max(0, at.getTime() - leak.createdAt.getTime()));
  const served = recovering === undefined || recovering.key !== leak.newKeyId ? [] : Object.values(recovering.served).map((at) => new Date(at));
  return { revokeMs: since(keys.find(({ id }) => id === leak.oldKeyId)?.revokedAt), recoverMs: since(served[0]) };
}

/** Places that serve something else than the ledger's current key while no rotation is at work. */
import { ulid } from 'ulid';
import type { Actor } from '../../core/vocabulary.ts';
import type { CredentialRecord } from '../../ports/ledger.ts';
import type { Engine } from '../engine.ts';
import { driftOf, repair, type Drifted } from '../repair.ts';
import { failed, settled, type Disorder, type Finder, type Outcome } from './disorder.ts';

export const findDrift: Finder = async (engine, records, signal) => {
  const found = await Promise.all(records.map((record) => driftOf(engine, record, signal).then((drifted) => drifted.map((one) => disorderOf(engine, record, one)), () => [])));
  return found.flat();
};

function disorderOf(engine: Engine, record: CredentialRecord, drifted: Drifted): Disorder {
  const { fact, value } = drifted;
  const base = { scope: record.name, what: fact.id, subject: 'store' as const, name: `${record.name}: ${fact.describe}`, level: 'problem' as const };
  const publish = `\`keyturn publish ${record.name}\``;
  if (fact.serving === 'empty') return { ...base, message: `It is empty. Fill it with ${publish}.`, leftAlone: 'what is empty may be a volume that is not mounted: a person knows', settle: null };
  if (fact.serving === 'foreign') return { ...base, message: 'It serves a value that the ledger does not know. Find out who wrote it; Keyturn leaves it alone.', leftAlone: 'Keyturn did not write what it serves', settle: null };
  const message = `It serves an older key of ${record.name}. The inventory repairs it; at once: ${publish}.`;
  if (value === null) return { ...base, message, leftAlone: `no store holds the value of the current key any more; a new one is needed: \`keyturn rotate ${record.name}\``, settle: null };
  return {
    ...base, message, leftAlone: null,
    settle: {
      does: 'publish the current key there again',
      safe: 'it is written only if the place still serves that older key and no rotation began, and its reload hooks are run',
      act: (actor, signal) => publishAgain(engine, record, { ...drifted, value }, actor, signal),
    },
  };
}

async function publishAgain(engine: Engine, record: CredentialRecord, drifted: Drifted & { value: NonNullable<Drifted['value']> }, actor: Actor, signal: AbortSignal): Promise<Outcome> {
  const problem = await repair(engine, record, drifted, `settle:${ulid()}`, signal);
  await engine.ledger.audit({ type: 'store.repaired', actor, credential: record.name, rotationId: null, keyId: drifted.current.id, detail: { place: drifted.fact.describe, problem } });
  return problem === null ? settled('it serves the current key again') : failed(problem);
}

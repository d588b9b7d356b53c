/** When applications could work again after an emergency: noted as it is seen first, for the incident's report. */
import type { Facts, Notes } from '../core/facts.ts';
import type { Engine } from './engine.ts';

type Recovering = NonNullable<Notes['recovering']>;

/** The facts with their notes, in which each place that serves the replacement and each green application check has its instant (of the ledger). */
export async function noteRecovery({ ledger }: Pick<Engine, 'ledger'>, facts: Facts): Promise<Facts> {
  if (facts.rotation.path !== 'emergency' || facts.newKey === null) return facts;
  const known = knownOf(facts.notes, facts.newKey.id);
  const served = unnoted(known.served, (facts.places ?? []).flatMap(({ id, serving }) => (serving === 'new' ? [id] : [])));
  const healthy = unnoted(known.healthy, (facts.application ?? []).flatMap(({ name, ok }) => (ok ? [name] : [])));
  if (served.length + healthy.length === 0) return facts;
  // Facts are as old as the last write; a check may have taken long since.
  const at = (await ledger.now()).toISOString();
  return { ...facts, notes: { ...facts.notes, recovering: { ...known, served: noted(known.served, served, at), healthy: noted(known.healthy, healthy, at) } } };
}

/** Of another replacement, which was given up, nothing counts. */
function knownOf({ recovering }: Notes, key: string): Recovering {
  return recovering?.key === key ? recovering : { key, served: {}, healthy: {} };
}

type Instants = Recovering['served'];

function unnoted(known: Instants, names: readonly string[]): readonly string[] {
  return names.filter((name) => !Object.hasOwn(known, name));
}

function noted(known: Instants, names: readonly string[], at: string): Instants {
  return { ...known, ...Object.fromEntries(names.map((name) => [name, at])) };
}

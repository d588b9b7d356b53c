import { KeyturnError } from '../core/errors.ts';
import { declared, usedIssuer } from './changes.ts';
import type { Context } from './context.ts';
import { doctor } from './doctor.ts';
import { keys, keysById } from './keys.ts';
import type { Questions, RotationDetail } from './operations.ts';
import { planFor } from './plan-question.ts';
import { status } from './status.ts';
import { auditView, debtView, rotationSummary, transitionView } from './views.ts';

const DEFAULT_LIMIT = 50;

export function questions(context: Context): Questions {
  const { ledger } = context;
  return {
    status: () => status(context),
    async plan(credential) {
      const records = credential === undefined ? (await ledger.credentials()).filter((record) => record.declared) : [await declared(context, credential)];
      const pauses = await ledger.pauses();
      return await Promise.all(records.map((record) => planFor(context, record, pauses)));
    },
    async keys(filter) {
      if (filter.credential !== undefined) await declared(context, filter.credential);
      if (filter.issuer !== undefined) await usedIssuer(context, filter.issuer);
      return await keys(context, filter);
    },
    async rotations({ limit, ...filter }) {
      await everDeclared(context, filter.credential);
      const rotations = await ledger.rotations(filter, { limit: limit ?? DEFAULT_LIMIT });
      const records = await keysById(ledger, rotations);
      return rotations.map((rotation) => rotationSummary(rotation, records));
    },
    rotation: (id) => rotationDetail(context, id),
    async audit({ limit, ...filter }) {
      await everDeclared(context, filter.credential);
      return (await ledger.auditEvents(filter, { limit: limit ?? DEFAULT_LIMIT })).map(auditView);
    },
    verifyAudit: (anchors) => ledger.verifyAudit(anchors),
    doctor: () => doctor(context),
  };
}

/** History outlives a declaration, so a credential that was removed may still be asked about. Throws UNKNOWN_CREDENTIAL. */
async function everDeclared(context: Context, name: string | undefined): Promise<void> {
  if (name !== undefined && (await context.ledger.credential(name)) === null) await declared(context, name);
}

async function rotationDetail({ ledger }: Context, idOrPrefix: string): Promise<RotationDetail> {
  const rotation = await ledger.rotation(idOrPrefix);
  if (rotation === null) throw new KeyturnError('UNKNOWN_NAME', `There is no rotation ${idOrPrefix}.`, { effect: 'none', todo: 'See `keyturn rotations`.' });
  const [history, debts, records, now] = await Promise.all([ledger.history(rotation.id), ledger.openDebts({ credential: rotation.credential }), keysById(ledger, [rotation]), ledger.now()]);
  return {
    ...rotationSummary(rotation, records),
    history: history.map(transitionView),
    debts: debts.filter((debt) => debt.rotationId === rotation.id).map((debt) => debtView(debt, now)),
  };
}

/** Rotations that wait for a person or stand still, and watches that are about to end. */
import { hours } from '../../core/duration.ts';
import { standsStill, todoOf } from '../../core/todo.ts';
import type { Rotation } from '../../ports/ledger.ts';
import type { Finder } from './disorder.ts';

const ALL_OPEN = 10_000;
const ENDING_MS = hours(2);

export const findWaiting: Finder = async ({ ledger }, records) => {
  const names = new Set(records.map((record) => record.name));
  const [open, now] = await Promise.all([ledger.rotations({ open: true }, { limit: ALL_OPEN }), ledger.now()]);
  const looked = await Promise.all(
    open.filter((rotation) => names.has(rotation.credential)).map(async (rotation) => {
      const oldKey = rotation.oldKeyId === null ? null : await ledger.key(rotation.oldKeyId);
      const subject = { ...rotation, oldKey, inStateMs: now.getTime() - rotation.stateSince.getTime() };
      return { rotation, todo: todoOf(subject), still: standsStill(subject) };
    }),
  );
  return looked.flatMap(({ rotation, todo, still }) => (todo.length === 0 ? [] : [{
    scope: rotation.credential, what: rotation.id, subject: 'rotation' as const, name: rotation.credential, level: 'problem' as const,
    message: [`Rotation ${rotation.id} is ${rotation.state} (${rotation.reason})${still ? ', for longer than its policy bears' : ''}: ${rotation.message}`, ...fresh(rotation, todo)].join(' '),
    leftAlone: 'it waits for a person, who can have it look again or give it up', settle: null,
  }]));
};

/** A message of preflight holds its remedies already. */
function fresh({ message }: Rotation, todo: readonly string[]): readonly string[] {
  return todo.filter((text) => !message.includes(text));
}

export const findEndingWatches: Finder = async ({ ledger }, records) => {
  const issuers = new Set(records.map((record) => record.issuer));
  const [watches, now] = await Promise.all([ledger.watches(), ledger.now()]);
  return watches.filter((watch) => issuers.has(watch.issuer) && watch.until.getTime() - now.getTime() < ENDING_MS).map((watch) => ({
    scope: watch.issuer, what: watch.name, subject: 'watch' as const, name: `${watch.issuer}: ${watch.name}`, level: 'warning' as const,
    message: `A create of ${watch.credential} under this name was given up; it is watched until ${watch.until.toISOString()}. If the issuer was out of reach meanwhile, look for it with \`keyturn keys\`.`,
    leftAlone: 'nothing has appeared under it so far; what does becomes a debt', settle: null,
  }));
};

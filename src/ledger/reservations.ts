/** What rotations hold against each other: location locks, key slots, and their issuer's pacing. */
import { sql } from 'kysely';
import type { Change, CommitOutcome, Rotation } from '../ports/ledger.ts';
import { NOW, advisoryLock, type Tx } from './sql.ts';

type Refusal = Exclude<CommitOutcome, { outcome: 'ok' }>;
/** States in which a rotation weighs on its issuer: from preflight to confirmed, less those that wait for people. */
const BUSY_STATES = ['preflight', 'creating', 'staged', 'verified', 'promoting', 'confirmed', 'aborting', 'rolling_back'];

/** Takes all that the change asks for, or says what stands in the way; the caller then rolls everything back. */
export async function reserve(tx: Tx, rotation: Rotation, change: Change): Promise<Refusal | null> {
  return (
    (await pace(tx, rotation, change.pace)) ??
    (await reserveSlot(tx, rotation, change.reserveSlot)) ??
    (await lockLocations(tx, rotation, change.lockLocations))
  );
}

async function pace(tx: Tx, rotation: Rotation, limits: Change['pace']): Promise<Refusal | null> {
  if (limits === undefined) return null;
  await advisoryLock(tx, 'pace', rotation.issuer);
  const { rows } = await sql<{ mine: boolean; busy: number; begun: number }>`
    select coalesce(bool_or(id = ${rotation.id}), false) as mine,
           (count(*) filter (where finished_at is null and state = any(${sql.val(BUSY_STATES)}::text[])))::int as busy,
           (count(*) filter (where paced_at > ${NOW} - interval '1 minute'))::int as begun
    from keyturn.rotations
    where issuer = ${rotation.issuer} and paced_at is not null
      and (finished_at is null or paced_at > ${NOW} - interval '1 minute')`.execute(tx);
  const counted = rows[0] ?? { mine: false, busy: 0, begun: 0 };
  if (counted.mine) return null;
  if (counted.busy >= limits.maxConcurrent || counted.begun >= limits.perMinute) return { outcome: 'paced' };
  await tx.updateTable('rotations').set({ paced_at: NOW }).where('id', '=', rotation.id).execute();
  return null;
}

/** A reservation whose key exists is one of the issuer's live keys already, and counts no more. */
async function reserveSlot(tx: Tx, rotation: Rotation, slot: Change['reserveSlot']): Promise<Refusal | null> {
  if (slot === undefined) return null;
  await advisoryLock(tx, 'slot', slot.issuer);
  const { rows } = await sql<{ reserved: number }>`
    select count(*)::int as reserved from keyturn.slot_reservations s join keyturn.rotations r on r.id = s.rotation_id
    where s.issuer = ${slot.issuer} and r.new_key_id is null and r.id <> ${rotation.id}`.execute(tx);
  const reserved = rows[0]?.reserved ?? 0;
  if (slot.limit !== null && slot.liveKeys + reserved >= slot.limit) return { outcome: 'no-slot', reserved };
  await tx
    .insertInto('slot_reservations')
    .values({ rotation_id: rotation.id, issuer: slot.issuer })
    .onConflict((conflict) => conflict.column('rotation_id').doUpdateSet({ issuer: slot.issuer }))
    .execute();
  return null;
}

/** In the order of their names, so that two rotations after the same places never wait for each other. */
async function lockLocations(tx: Tx, rotation: Rotation, locations: Change['lockLocations']): Promise<Refusal | null> {
  for (const location of [...new Set(locations ?? [])].sort()) {
    const row = { location, rotation_id: rotation.id };
    await tx.insertInto('location_locks').values(row).onConflict((conflict) => conflict.column('location').doNothing()).execute();
    const held = await tx.selectFrom('location_locks').select('rotation_id').where('location', '=', location).executeTakeFirst();
    if (held !== undefined && held.rotation_id !== rotation.id) return { outcome: 'locked', holder: held.rotation_id, location };
  }
  return null;
}

export async function unlockLocations(tx: Tx, rotationId: string): Promise<void> {
  await tx.deleteFrom('location_locks').where('rotation_id', '=', rotationId).execute();
}

export async function releaseSlot(tx: Tx, rotationId: string): Promise<void> {
  await tx.deleteFrom('slot_reservations').where('rotation_id', '=', rotationId).execute();
}

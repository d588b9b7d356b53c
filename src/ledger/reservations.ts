/** What rotations hold against each other: location locks, key slots, and their issuer's pacing. */
import type { Change, Rotation } from '../ports/ledger.ts';
import { refuseIf } from './batch.ts';
import { json } from './sql.ts';
import { AT_NOW, fragment, lockWords, statement, type Fragment, type Statement } from './statement.ts';

/** States in which a rotation weighs on its issuer: from preflight to confirmed, less those that wait for people. */
const BUSY_STATES = ['preflight', 'creating', 'staged', 'verified', 'promoting', 'confirmed', 'aborting', 'rolling_back'];
const NOTHING = fragment`null::text`;

/**
 * What stands in the way of all that the change asks for, as a refusal in JSON, or null. Asked without a lock, so that those
 * who wait disturb nobody; who then goes on asks again under lock.
 */
export function standsInTheWay(rotation: Rotation, change: Change): Fragment {
  const locations = locationsOf(change);
  return fragment`coalesce(${pacedOut(rotation, change.pace)}, ${noSlot(rotation, change.reserveSlot)}, ${awaited(rotation, locations)}, ${lockedBy(rotation, locations)})`;
}

/** Takes all that the change asks for; what stands in the way refuses the whole batch. */
export function reserveStatements(rotation: Rotation, change: Change): readonly Statement[] {
  const { pace, reserveSlot } = change;
  const locations = locationsOf(change);
  return [
    ...(pace === undefined ? [] : [lockWords('pace', rotation.issuer), refuseIf(pacedOut(rotation, pace))]),
    ...(reserveSlot === undefined ? [] : [lockWords('slot', reserveSlot.issuer), refuseIf(noSlot(rotation, reserveSlot)), takeSlot(rotation, reserveSlot.issuer)]),
    ...(locations.length === 0 ? [] : [refuseIf(awaited(rotation, locations)), takeLocations(rotation, locations), refuseIf(lockedBy(rotation, locations))]),
  ];
}

/** In the order of their names, so that two rotations after the same places never wait for each other. */
function locationsOf({ lockLocations }: Change): readonly string[] {
  return [...new Set(lockLocations ?? [])].sort();
}

/** Who was counted already is never held up again. */
function pacedOut(rotation: Rotation, limits: Change['pace']): Fragment {
  if (limits === undefined) return NOTHING;
  return fragment`(
    select json_build_object('outcome', 'paced')::text from (
      select coalesce(bool_or(id = ${rotation.id}), false) as mine,
             count(*) filter (where finished_at is null and state in (select jsonb_array_elements_text(${json(BUSY_STATES)}::jsonb))) as busy,
             count(*) filter (where paced_at > ${AT_NOW} - interval '1 minute') as begun
      from keyturn.rotations
      where issuer = ${rotation.issuer} and paced_at is not null and (finished_at is null or paced_at > ${AT_NOW} - interval '1 minute')
    ) counted where not mine and (busy >= ${limits.maxConcurrent}::int or begun >= ${limits.perMinute}::int))`;
}

/** A reservation whose key exists is one of the issuer's live keys already, and counts no more. */
function noSlot(rotation: Rotation, slot: Change['reserveSlot']): Fragment {
  if (slot === undefined || slot.limit === null) return NOTHING;
  return fragment`(
    select json_build_object('outcome', 'no-slot', 'reserved', reserved)::text from (
      select count(*)::int as reserved from keyturn.slot_reservations s join keyturn.rotations r on r.id = s.rotation_id
      where s.issuer = ${slot.issuer} and r.new_key_id is null and r.id <> ${rotation.id}
    ) counted where ${slot.liveKeys}::int + reserved >= ${slot.limit}::int)`;
}

function takeSlot({ id }: Rotation, issuer: string): Statement {
  return statement`insert into keyturn.slot_reservations (rotation_id, issuer) values (${id}, ${issuer})
    on conflict (rotation_id) do update set issuer = excluded.issuer`;
}

function lockedBy({ id }: Rotation, locations: readonly string[]): Fragment {
  if (locations.length === 0) return NOTHING;
  return fragment`(
    select json_build_object('outcome', 'locked', 'holder', rotation_id, 'location', location)::text from keyturn.location_locks
    where location in (select jsonb_array_elements_text(${json(locations)}::jsonb)) and rotation_id <> ${id} order by location collate "C" limit 1)`;
}

/** An emergency that waits for a place comes next there: its applications have no key, and rotations that follow each other closely would never let it in. */
function awaited({ id, path }: Rotation, locations: readonly string[]): Fragment {
  if (locations.length === 0 || path === 'emergency') return NOTHING;
  return fragment`(
    select json_build_object('outcome', 'locked', 'holder', r.id, 'location', w.location)::text
    from keyturn.rotations r cross join lateral jsonb_array_elements_text(coalesce(r.notes -> 'waitsFor', '[]')) as w(location)
    where r.finished_at is null and r.path = 'emergency' and r.reason = 'location_locked'
      and w.location in (select jsonb_array_elements_text(${json(locations)}::jsonb))
      and not exists (select from keyturn.location_locks l where l.location = w.location and l.rotation_id = ${id})
    order by w.location collate "C", r.id limit 1)`;
}

function takeLocations({ id }: Rotation, locations: readonly string[]): Statement {
  return statement`insert into keyturn.location_locks (location, rotation_id)
    select location, ${id} from jsonb_array_elements_text(${json(locations)}::jsonb) with ordinality as wanted(location, n) order by n
    on conflict (location) do nothing`;
}

export function unlockLocations(rotationId: string): Statement {
  return statement`delete from keyturn.location_locks where rotation_id = ${rotationId}`;
}

export function releaseSlot(rotationId: string): Statement {
  return statement`delete from keyturn.slot_reservations where rotation_id = ${rotationId}`;
}

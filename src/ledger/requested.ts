import { fragment } from './statement.ts';

/**
 * Writes each row of `admitted` as a rotation that was requested, and tells its history and the audit log. Common table
 * expressions, to come after `admitted`: n, id, credential, issuer, kind, path, plan, actor (scrubbed), occurrence, old_key_id,
 * notes, at. What was inserted is `made`; where one is open or answers the occurrence, nothing is.
 */
export const REQUESTED = fragment`
  made as (
    insert into keyturn.rotations (id, credential, issuer, kind, path, state, epoch, plan, actor, occurrence, asked, old_key_id, notes, reason, message, created_at, state_since, wake_at)
    select id, credential, issuer, kind, path, 'requested', 0, plan, actor, occurrence, notes, old_key_id, notes, 'requested', actor->>'why', at, at, at from admitted order by n
    on conflict do nothing returning *
  ), told as (
    insert into keyturn.transitions (rotation_id, at, from_state, to_state, reason, message, epoch, worker)
    select id, created_at, null, state, reason, message, epoch, actor->>'who' from made
  ), logged as (
    insert into keyturn.audit (at, type, actor, credential, rotation_id, detail)
    select date_trunc('milliseconds', created_at), 'rotation.requested', actor, credential, id,
      jsonb_build_object('from', null, 'to', state, 'reason', reason, 'message', message, 'epoch', epoch, 'kind', kind, 'path', path)
    from made
  )`;

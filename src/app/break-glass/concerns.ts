/** What `status` and `doctor` say of records that nobody has taken in. */
import { problem, warning } from '../finding.ts';
import type { Finding } from '../operations.ts';
import type { Intake, LeftRecord } from './intake.ts';

/** One sentence or more for people: what lies there, why, what to do. */
export function recordConcern({ path, is, record, why, revoking }: LeftRecord): string {
  if (record === null) return `${path} is no break-glass record that can be read: ${why}`;
  const what = `A break-glass record (${path}) says that ${record.who} ${saysOf(record.outcome)} key ${record.keyId} of ${record.issuer} on ${record.askedAt}: ${record.why}.`;
  if (is === 'forged') return `${what} ${why} Find out who wrote it, see at the issuer whether that key is dead, and remove the file.`;
  if (is === 'unsigned') return `${what} ${why} If you know who wrote it: \`keyturn break-glass import ${path}\`.`;
  const yet = `${what} It is not taken in yet: ${why.replace(/\.$/, '')}. The worker looks again by itself.`;
  return revoking ? yet : `${yet} If the key is to die, \`keyturn revoke ${record.keyId} --direct\` or the issuer's dashboard; if it is to live, remove the file.`;
}

function saysOf(outcome: string | null): string {
  return outcome === 'revoked' || outcome === 'gone' ? 'revoked' : outcome === 'stopped' ? 'began to revoke, and stopped, while it was not known to be dead,' : 'began to revoke, and was not told that it is dead,';
}

export function recordFindings(intake: Pick<Intake, 'left'>): readonly Finding[] {
  return intake.left().map((left) => (left.is === 'signed' || left.is === 'unsigned' ? warning : problem)('break glass', left.record?.id ?? '', recordConcern(left)));
}

/** Which severity an incident had at the receiver before: Alertmanager must be told that an alert under another label is over. */
import type { Severity } from '../../core/vocabulary.ts';
import type { Outgoing } from '../../ports/channel.ts';

const SEVERITIES = ['info', 'warning', 'critical'] as const satisfies readonly Severity[];
const MAX_REMEMBERED = 10_000;

/** The receiver's own id of the message where it gave one, else ours, and the severity that it went out with. */
export function receiptOf({ deliveryId, notice }: Outgoing, given: string | null): string {
  return `${given ?? deliveryId} ${notice.severity}`;
}

export interface Severities {
  /** Those that may still be held for firing. */
  before(message: Outgoing): readonly Severity[];
  remember(message: Outgoing): void;
}

export function createSeverities(): Severities {
  const last = new Map<string, Severity>();
  return {
    before({ incident }) {
      if (incident === null || incident.rootReceipt === null) return [];
      const known = last.get(incident.id);
      // Another worker, or this one before it was started anew, may have told of any.
      return known === undefined ? SEVERITIES : [known];
    },
    remember({ incident, notice }) {
      if (incident === null) return;
      last.delete(incident.id);
      last.set(incident.id, notice.severity);
      const oldest = last.keys().next().value;
      if (last.size > MAX_REMEMBERED && oldest !== undefined) last.delete(oldest);
    },
  };
}

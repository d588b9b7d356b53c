/** `doctor` on responses to findings: what policies do by themselves, and whether the circuit breaker has held any back. */
import { plural } from '../core/phrases.ts';
import type { Context } from './context.ts';
import { ok, problem, warning } from './finding.ts';
import type { Finding } from './operations.ts';
import { breakerView } from './response-views.ts';

export async function examineResponses(context: Pick<Context, 'responses' | 'config'>): Promise<readonly Finding[]> {
  const policies = Object.entries(context.config().policies).flatMap(([name, { onCritical }]) => (onCritical === undefined ? [] : [{ name, ...onCritical }]));
  const { hour, maxPerHour, byIssuer, maxPerIssuerPerHour, waiting, tripped } = await breakerView(context);
  const full = [...(hour >= maxPerHour ? ['all issuers together'] : []), ...Object.entries(byIssuer).filter(([, count]) => count >= maxPerIssuerPerHour).map(([issuer]) => issuer)];
  return [
    ...policies.map(({ name, respond, findings }) => ok('response', name, `${respond === 'revoke' ? 'revokes' : 'asks people before it revokes'} on critical findings of ${findings.join(', ')}`)),
    ...(policies.length === 0 ? [] : [full.length === 0 ? ok('response', 'breaker', `closed: ${hour} of ${maxPerHour} responses began within the last hour`) : warning('response', 'breaker', `Open for ${full.join(', ')}: what is found next is told and not revoked, until an hour has passed since the first of the last ${plural(hour, 'response')}.`)]),
    ...(tripped === 0 ? [] : [problem('response', 'held back', `${plural(tripped, 'response')} of the last day ${tripped === 1 ? 'was' : 'were'} held back by the circuit breaker: nothing was revoked. See \`keyturn responses --state tripped\`; what was stolen, revoke with \`keyturn revoke\`.`)]),
    ...(waiting === 0 ? [] : [warning('response', 'waiting', `${plural(waiting, 'response')} ${waiting === 1 ? 'waits' : 'wait'} for a person: \`keyturn responses --open\`.`)]),
  ];
}

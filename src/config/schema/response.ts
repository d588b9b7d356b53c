import { z } from 'zod';
import { isRule, type RuleName } from '../../core/finding.ts';
import { ANSWERED_RULES, RESPONSE_MODES, RESPONSE_RULES } from '../../core/response.ts';
import { duration, url, whole } from './leaves.ts';

const DAY_MS = 86_400_000;

const finding = z.string('is no rule (expected text)').transform((written, context): RuleName => {
  if (isRule(written) && RESPONSE_RULES[written].may) return written;
  const why = isRule(written) ? `${written} may not cause a revocation: ${RESPONSE_RULES[written].why}` : `there is no rule "${written}"`;
  context.addIssue({ code: 'custom', message: `${why} (expected one of: ${ANSWERED_RULES.join(', ')})` });
  return 'outside_networks';
});

/** Of a policy. */
export const onCritical = z.strictObject({
  respond: z.enum(RESPONSE_MODES).describe('`revoke` the key at once and replace it, or ask people to `approve` that first.'),
  findings: z.array(finding).min(1, 'is empty (expected a list of rules, or leave it out)').prefault([...ANSWERED_RULES])
    .meta({ description: 'Which rules’ findings may cause it. It is their severity that counts: most are `warning` unless `severity: critical` is set in `rules`.', 'x-default': `all that may: ${ANSWERED_RULES.map((rule) => `\`${rule}\``).join(', ')}` }),
});

export const response = z.strictObject({
  maxPerHour: whole(1, 1_000).prefault(3).describe('The most responses that begin in any hour, those that only ask included. Beyond that nothing is revoked, and people are told what was held back.'),
  maxPerIssuerPerHour: whole(1, 1_000).prefault(2).describe('The same of any one issuer.'),
  approval: z
    .strictObject({
      url: url.optional().describe('Where `api.listen` is reached from the browsers of those who approve, for example `https://keyturn.example.com`. Links lead to `/approve/…` below it: let a proxy pass on that path and nothing else of the control API.'),
      expiresIn: duration(60_000, 7 * DAY_MS).prefault('1h').describe('How long a link can be used; at most 7d.'),
    })
    .prefault({})
    .describe('How people are asked.'),
});

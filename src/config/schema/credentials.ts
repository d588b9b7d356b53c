import { z } from 'zod';
import { flag, name, text } from './leaves.ts';
import { credentialRules } from './rules.ts';
import { place } from './stores.ts';

const adopt = z.strictObject({
  keyId: text.optional().describe('The issuer’s id of the key.'),
  name: text.optional().describe('The name of the key at the issuer.'),
});

export const credential = z.strictObject({
  issuer: name.describe('Who mints its keys.'),
  scopes: z.array(text).min(1, 'is empty (expected a list of scopes)').describe('Scopes of its keys, exactly.'),
  graph: text.optional().describe('The graph that its keys are bound to.'),
  environment: z.enum(['live', 'test']).optional().describe('The environment that its keys must belong to.'),
  policy: name.optional().meta({ description: 'When it is rotated.', 'x-default': 'only by hand' }),
  owner: text.optional().describe('Who answers for it: a team or a person.'),
  labels: z.record(text, z.string()).optional().describe('Anything else worth knowing.'),
  keyName: name.optional().meta({ description: 'What the names of its keys begin with.', 'x-default': 'the credential’s name' }),
  adopt: adopt.optional().describe('The key that its stores hold already, by id or by name: it becomes the current one once that is proved.'),
  stores: z.array(place).min(1, 'is empty (expected at least one store)').describe('Where the key is published.'),
  checks: z.array(name).optional().describe('Checks that must be green. The issuer check runs in any case.'),
  hooks: z.array(name).optional().describe('Reload hooks, run after promotion.'),
  protected: flag.prefault(false).describe('Never revoked because of a finding, whatever its policy says: people do that. Reported leaks are another matter (`leaks`).'),
  rules: credentialRules.optional().meta({ description: 'Rules of its own: each stands in place of the one of the section `rules`, as a whole.', 'x-default': 'those of `rules`' }),
  notify: z.array(name).min(1, 'is empty (expected a list of channels)').optional().meta({ description: 'Channels that all messages about it go to, instead of those of `routes`.', 'x-default': 'by routes' }),
});
export type CredentialConfig = z.output<typeof credential>;

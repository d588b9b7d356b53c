import { expect, test } from 'vitest';
import { planCredentials } from '../../src/config/plan.ts';
import { changed, GOOD, load, problems } from './support.ts';

const WITH = `${GOOD}rules:
  outside_networks: { networks: [10.0.0.0/8] }
response:
  approval: { url: "https://keyturn.example.com" }
api:
  listen: { port: 7000, token: "\${env:TOKEN}" }
`;
const policy = (onCritical: string, text = WITH): string => text.replace('{ every: 30d }', () => `{ every: 30d, onCritical: ${onCritical} }`);
const about = (warnings: readonly string[]): readonly string[] => warnings.filter((line) => /onCritical|protected|approval/.test(line));

test('off unless a policy says so: then it is in the plan, and only then', () => {
  const [before] = planCredentials(load(GOOD).config);
  expect(before?.plan.policy).not.toHaveProperty('onCritical');
  expect(before?.plan).not.toHaveProperty('protected');
  const { config, warnings } = load(policy('{ respond: revoke }'));
  expect(config.response).toMatchObject({ maxPerHour: 3, maxPerIssuerPerHour: 2, approval: { expiresIn: 3_600_000 } });
  const [planned] = planCredentials(config);
  expect(planned?.plan.policy.onCritical).toEqual({ respond: 'revoke', findings: ['request_rate', 'unusual_traffic', 'dormant_key_waking', 'new_network', 'outside_hours', 'outside_networks'] });
  expect(about(warnings)).toEqual([]);
  expect(load(policy('{ respond: approve, findings: [outside_networks] }')).config.policies['monthly']?.onCritical).toEqual({ respond: 'approve', findings: ['outside_networks'] });
});

test('a protected credential of such a policy is warned of, and marked in its plan', () => {
  const { config, warnings } = load(policy('{ respond: revoke }').replace('policy: monthly', 'policy: monthly\n    protected: true'));
  expect(about(warnings)).toEqual([expect.stringMatching(/credentials\.prod-api\.protected: policy monthly answers critical findings, and a protected credential is left out of that/)]);
  expect(planCredentials(config)[0]?.plan.protected).toBe(true);
});

test('what can not be says what to do', () => {
  expect(problems(policy('{ respond: approve }', WITH.replace('url: "https://keyturn.example.com"', '')))).toEqual([expect.stringContaining('approve asks by a link, and nothing says where that leads (expected response.approval.url')]);
  expect(problems(policy('{ respond: approve }', WITH.replace('https://keyturn', 'http://keyturn')))).toEqual([expect.stringContaining('would carry links that revoke unencrypted (expected https://…)')]);
  expect(problems(policy('{ respond: approve }', WITH.replace('{ type: slack, token: "${env:SLACK}", channel: "#ops" }', '{ type: webhook, url: "https://example.com", secret: "${env:S}" }')))).toEqual([expect.stringContaining('asks people before it revokes, and no Slack or email channel takes its critical messages (expected a route to one, or notify)')]);
  expect(problems(policy('{ respond: approve }', `${WITH}routes:\n  - { channels: [ops], rules: [error_rate] }\n`))).toEqual([expect.stringContaining('no Slack or email channel takes its critical messages')]);
  expect(problems(policy('{ respond: revoke, findings: [failed_authentications] }'))).toEqual([expect.stringContaining('failed_authentications may not cause a revocation: refused requests did no harm, and anybody can make them (expected one of: request_rate,')]);
  expect(problems(policy('{ respond: revoke, findings: [outside_network] }'))).toEqual([expect.stringContaining('there is no rule "outside_network"')]);
  expect(problems(policy('{ respond: revoke, findings: [] }'))).toEqual([expect.stringContaining('is empty')]);
  expect(problems(policy('{ respond: kill }'))).toHaveLength(1);
  for (const more of ['?tenant=1', '/x#top']) expect(problems(WITH.replace('keyturn.example.com"', `keyturn.example.com${more}"`))).toEqual([expect.stringContaining('has a query or a fragment')]);
  expect(problems(WITH.replace('approval:', 'maxPerHour: 0\n  approval:'))).toEqual([expect.stringContaining('is too small')]);
  expect(problems(WITH.replace('url: "https://keyturn', 'expiresIn: 30d, url: "https://keyturn'))).toEqual([expect.stringContaining('is too long')]);
});

test('what would do nothing is warned of', () => {
  expect(about(load(policy('{ respond: revoke, findings: [new_network] }')).warnings)).toEqual([expect.stringContaining('answers nothing: of its credentials no rule that it names is both on and critical')]);
  expect(about(load(policy('{ respond: revoke, findings: [new_network] }', WITH.replace('rules:', 'rules:\n  new_network: { severity: critical }'))).warnings)).toEqual([]);
  expect(about(load(policy('{ respond: revoke }', GOOD)).warnings)).toEqual([expect.stringContaining('answers nothing')]);
  expect(about(load(policy('{ respond: revoke }', changed('policy: monthly', 'policy: monthly\n    rules: { outside_networks: { networks: [10.0.0.0/8] } }'))).warnings)).toEqual([]);
  expect(about(load(policy('{ respond: approve }', WITH.replace(/\napi:\n.*\n/, '\n'))).warnings)).toEqual([expect.stringContaining('links are opened by nobody: api.listen is not set')]);
});

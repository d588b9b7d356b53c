/** Findings that cost a key its life, or ask somebody first: from pushed usage to the issuer, with a real worker, messages and links. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ResponsesView } from '../../src/app/response-operations.ts';
import { parsed, startMailCatcher, type MailCatcher } from '../support/mail.ts';
import { RUNTIMES } from '../support/runtimes.ts';
import type { SlackCatcher } from '../support/slack.ts';
import { GATEWAY, openScene, type Scene } from './scene.ts';
import { BRISK, issuerAt, QUICK, readEnv, reached, until, type Home, type SandboxProcess, type Worker } from './support.ts';

const NAMES = ['prod-api', 'prod-web', 'prod-db', 'prod-jobs'] as const;
const POLICIES = { 'prod-api': 'kills', 'prod-web': 'asks', 'prod-db': 'kills', 'prod-jobs': 'kills' } as const;
const LINK = /<(http:\/\/127\.0\.0\.1:\d+\/approve\/[^|>]+)\|/;

describe.each(RUNTIMES)('responses on $name', (runtime) => {
  let scene: Scene;
  let home: Home;
  let sandbox: SandboxProcess;
  let slack: SlackCatcher;
  let mail: MailCatcher;
  let worker: Worker;
  let api: string;
  const served = (name: string): string | undefined => readEnv(join(home.directory, `${name}.env`))['HYPERMEMORY_API_KEY'];
  const responses = (...more: readonly string[]): Promise<ResponsesView> => home.json<ResponsesView>('responses', ...more);
  const of = async (credential: string) => (await responses('--credential', credential)).responses;
  const said = (text: string) => slack.messages.filter((message) => message.text.includes(text));

  /** Somebody uses the credential's present key from an address that is none of ours. */
  async function misuse(name: string, address: string): Promise<string> {
    const key = served(name) ?? '';
    await scene.push({ at: new Date(Date.now() - 60_000).toISOString(), key, requests: 7, address, agent: 'curl/8' });
    return key;
  }

  beforeAll(async () => {
    scene = await openScene(runtime);
    ({ home, sandbox, slack, api } = scene);
    mail = await startMailCatcher();
    home.configure(scene.configuration({
      issuers: { hypermemory: { ...issuerAt(sandbox), knownKeys: ['sandbox-admin'] } },
      stores: Object.fromEntries(NAMES.map((name) => [name, { type: 'env-file', path: `./${name}.env`, createIfMissing: true }])),
      channels: {
        ops: scene.slackChannel,
        post: { type: 'email', host: '127.0.0.1', port: mail.port, from: 'keyturn@example.com', to: ['ops@example.com'], requireTLS: false },
      },
      routes: [{ channels: ['ops', 'post'], severity: ['warning', 'critical'] }],
      policies: { kills: { ...QUICK, onCritical: { respond: 'revoke', findings: ['outside_networks'] } }, asks: { ...QUICK, onCritical: { respond: 'approve', findings: ['outside_networks'] } } },
      credentials: Object.fromEntries(NAMES.map((name) => [name, { issuer: 'hypermemory', scopes: ['memory:write'], policy: POLICIES[name], stores: [{ store: name }], ...(name === 'prod-db' ? { protected: true } : {}) }])),
      usage: { sources: { gateway: GATEWAY } },
      rules: { outside_networks: { networks: ['10.0.0.0/8'] } },
      response: { maxPerHour: 5, maxPerIssuerPerHour: 3, approval: { url: api } },
      worker: { intervals: { ...BRISK, scan: '1s' } },
      api: { listen: scene.listen },
    }));
    worker = await home.up();
    for (const name of NAMES) await reached(home, name, 'done', 60_000);
  }, 300_000);
  afterAll(async () => {
    await scene?.close();
    await mail?.stop();
  });

  test('a key that is used from outside its networks dies and is replaced, and people are told why, in the alert’s thread', async () => {
    const stolen = await misuse('prod-api', '203.0.113.9');
    await until(async () => (await sandbox.alive(stolen)) === null, 60_000, 'the stolen key to die');
    await until(async () => (served('prod-api') === stolen ? null : await sandbox.alive(served('prod-api'))), 60_000, 'the replacement');
    const [response, ...more] = await until(async () => { const found = await of('prod-api'); return found[0]?.state === 'done' ? found : null; }, 30_000, 'the response to be done');
    expect(more).toEqual([]);
    const [emergency] = await home.json<{ id: string; kind: string; requestedBy: string; why: string }[]>('rotations', '--credential', 'prod-api', '--limit', '1');
    expect(emergency).toMatchObject({ id: response?.rotationId, kind: 'emergency', requestedBy: `finding:outside_networks:${response?.id ?? ''}`, why: 'prod-api: used from outside its networks; policy kills revokes on that' });
    const message = await until(() => said('its key is revoked because of a finding').find(({ threadTs }) => threadTs !== null), 30_000, 'Slack to be told in a thread');
    expect(slack.messages.find(({ ts }) => ts === message.threadTs)?.edits).toBeGreaterThan(0);
    expect(JSON.stringify(await home.json('audit', '--credential', 'prod-api', '--limit', '200'))).toMatch(/response\.done.*response\.accepted/);
    expect((await sandbox.keysOf('prod-api')).filter(({ status }) => status === 'active')).toHaveLength(1);
  });

  test('a policy that asks: the link shows and changes nothing, whoever opens it; one who confirms has that key revoked, once', async () => {
    const stolen = await misuse('prod-web', '203.0.113.10');
    const message = await until(() => said('prod-web: revoke its key? Somebody must decide').find(({ blocks }) => LINK.test(JSON.stringify(blocks))), 60_000, 'Slack to be asked');
    const link = LINK.exec(JSON.stringify(message.blocks))?.[1] ?? '';
    const letters = await until(async () => { const found = await Promise.all(mail.messages.map(parsed)); const asked = found.filter(({ subject, text }) => (subject ?? '').includes('prod-web') && (text ?? '').includes('/approve/')); return asked.length > 0 ? asked : null; }, 60_000, 'the mail');
    expect(letters[0]?.text).toContain(link);
    expect(String(letters[0]?.html)).toContain(`href="${link}"`);
    // Scanners of mail and chat.
    for (const method of ['HEAD', 'GET', 'GET']) expect((await fetch(link, { method })).status).toBe(200);
    const page = await (await fetch(link)).text();
    for (const text of ['prod-web: revoke this key?', 'Opening this page has changed nothing.', '203.0.113.10', 'Approve: revoke this key']) expect(page).toContain(text);
    expect([(await sandbox.alive(stolen)) !== null, (await of('prod-web'))[0]?.state]).toEqual([true, 'waiting']);
    expect((await home.keyturn('status')).stdout).toContain('1 response to critical findings waits for somebody to decide');
    expect((await fetch(`${link.slice(0, -2)}xx`, { method: 'POST', body: new URLSearchParams({ decision: 'approve', name: 'Eve' }) })).status).toBe(404);
    expect((await fetch(`${api}/v1/responses`)).status).toBe(401);
    const approve = (name: string) => fetch(link, { method: 'POST', body: new URLSearchParams({ decision: 'approve', name }) });
    expect([(await approve('')).status, (await approve('Alice')).status, (await approve('Alice')).status, (await approve('Bob')).status]).toEqual([400, 200, 200, 409]);
    await until(async () => (await sandbox.alive(stolen)) === null, 60_000, 'the key to die');
    await until(async () => (served('prod-web') === stolen ? null : await sandbox.alive(served('prod-web'))), 60_000, 'the replacement');
    const [response, ...more] = await until(async () => { const found = await of('prod-web'); return found[0]?.state === 'done' ? found : null; }, 30_000, 'the response to be done');
    expect([response?.decidedBy?.who, more]).toEqual(['link:Alice', []]);
    await until(() => said('prod-web: its key is revoked, as approved')[0], 30_000, 'Slack to be told');
    // The link decides: it is in the messages, and nowhere else.
    const token = link.split('/').at(-1) ?? '';
    const dump = JSON.stringify([await home.json('audit', '--limit', '1000'), await responses(), await home.json('alerts')]);
    expect(worker.output() + dump).not.toContain(token);
  });

  test('a protected credential is left to people, and the doctor says what is what', async () => {
    const stolen = await misuse('prod-db', '203.0.113.11');
    const [withheld] = await until(async () => { const found = await of('prod-db'); return found.length > 0 ? found : null; }, 60_000, 'the response');
    expect(withheld).toMatchObject({ state: 'withheld', message: 'prod-db is protected: no finding has a key of it revoked.' });
    await until(() => said('prod-db: Keyturn does not revoke its key by itself')[0], 30_000, 'Slack to be told');
    expect(await sandbox.alive(stolen)).not.toBeNull();
    const doctor = (await home.keyturn('doctor')).stdout;
    for (const line of [/^ok\tresponse\tkills\trevokes on critical findings of outside_networks$/m, /^ok\tresponse\tasks\tasks people before it revokes on/m, /^ok\tresponse\tbreaker\tclosed: 2 of 5/m, /^warning\tconfiguration\t\t.*prod-db\.protected: policy kills answers critical findings/m]) expect(doctor).toMatch(line);
    expect(await home.keyturn('responses', 'approve', withheld?.id ?? '', '--reason', 'x')).toMatchObject({ code: 1, stderr: expect.stringMatching(/was withheld; nothing was changed\.\n {2}To revoke the key all the same: `keyturn revoke/) });
  });

  test('the breaker holds back what is too much, and says what to type; a worker that is killed in between changes nothing of that', async () => {
    const first = await misuse('prod-jobs', '203.0.113.12');
    await until(async () => (await sandbox.alive(first)) === null, 60_000, 'the stolen key to die');
    await worker.kill();
    worker = await home.up();
    await until(async () => (served('prod-jobs') === first ? null : await sandbox.alive(served('prod-jobs'))), 240_000, 'the replacement');
    await reached(home, 'prod-jobs', 'done', 120_000);
    // Whoever steals it again finds the breaker open: three an hour and issuer were enough.
    const second = await misuse('prod-jobs', '203.0.113.12');
    const [held] = await until(async () => { const found = await of('prod-jobs'); return found[0]?.state === 'tripped' ? found : null; }, 60_000, 'the breaker');
    expect(held?.message).toBe('3 responses on issuer hypermemory began within the last hour, and response.maxPerIssuerPerHour (3) allows no more.');
    const message = await until(() => said('prod-jobs: its key was not revoked, since too many were of late')[0], 30_000, 'Slack to be told');
    expect(JSON.stringify(message.blocks)).toContain(`keyturn revoke ${held?.issuerKeyId ?? '?'} --reason`);
    expect(await sandbox.alive(second)).not.toBeNull();
    expect((await home.keyturn('status')).stdout).toContain('The circuit breaker held back 1 response');
    expect(await home.keyturn('doctor')).toMatchObject({ code: 1, stdout: expect.stringMatching(/^problem\tresponse\theld back\t1 response of the last day was held back/m) });
    expect((await responses('--state', 'tripped')).responses).toHaveLength(1);
    expect((await home.keyturn('responses')).stdout).toMatch(/^# Circuit breaker: 3 of 5 responses began within the last hour, 3 of 3 on hypermemory\.$/m);
    expect(await home.keyturn('revoke', held?.issuerKeyId ?? '', '--reason', 'stolen again', '--yes', '--wait')).toMatchObject({ code: 0 });
    expect(await sandbox.alive(second)).toBeNull();
  }, 600_000);
});

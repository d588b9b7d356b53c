import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startApi, type Api } from '../../src/api/index.ts';
import type { Log } from '../../src/ports/log.ts';
import { canMakeTerminal, keyturnOnTerminal, type CliOptions, type CliResult } from '../support/cli.ts';
import { credentialStatus, fakeWorker, keyView, rotationSummary, usageView, type FakeWorker } from '../support/fake-operations.ts';
import { until } from '../support/processes.ts';

const silent = (): void => undefined;
const log: Log = { debug: silent, info: silent, warn: silent, error: silent, child: () => log };
const LONG = 'hypermemory allows 5 keys on plan developer and 5 are live: nothing was created. Raise it under Settings → Billing → Upgrade Plan, or revoke one of ci-old (key_77), test-2 (key_78).';

let directory: string;
let socket: string;
let worker: FakeWorker;
let api: Api;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kt-tty-'));
  socket = join(directory, 'keyturn.sock');
  worker = fakeWorker([
    credentialStatus('prod-api-server'),
    credentialStatus('ci-testing', { health: 'blocked', openRotation: rotationSummary('01JT9', { credential: 'ci-testing', state: 'blocked', reason: 'problems', message: LONG }) }),
    credentialStatus('2026-03-agent-v2', { health: 'unbound', currentKey: null, keyAgeMs: null, dueAt: null, lastRotatedAt: null }),
  ]);
  worker.answers.keys = [keyView(), keyView({ name: 'ci-testing-2026-09-x', state: 'draining' }), keyView({ credential: null, name: 'somebody-else', state: 'unmanaged', lastUsedAt: null })];
  worker.answers.doctor = [{ subject: 'store', name: 'app-env', level: 'problem', message: LONG }];
  worker.answers.plan = [{ credential: 'ci-testing', action: 'blocked', at: null, what: 'It is due, but cannot begin.', steps: ['Prove it.', LONG], blockedBy: [LONG] }];
  api = await startApi({ operations: worker.operations, health: worker.health, socketPath: socket, log, version: '0.1.0' });
});

afterEach(async () => {
  await api.close(500);
  await rm(directory, { recursive: true, force: true });
});

const onTerminal = (columns: number, args: readonly string[], options: CliOptions = {}): Promise<CliResult> => keyturnOnTerminal(['--socket', socket, ...args], columns, options);
// oxlint-disable-next-line no-control-regex -- colour codes begin with one
const CODES = /\u001b\[[\d;?]*[A-Za-z]/g;
const linesOf = (result: CliResult): string[] => result.stdout.replaceAll(CODES, '').split(/\r?\n/);

/** Types `text` at the first question. */
const answering = (text: string): CliOptions => {
  let answered = false;
  return { onOutput: (output, child) => { if (!answered && output.includes('[y/N]')) answered = child.stdin?.write(text) ?? false; } };
};

describe.skipIf(!canMakeTerminal() && process.env['REQUIRE_SERVICES'] !== '1')('on a terminal', () => {
  it.each([['status'], ['keys'], ['plan'], ['doctor'], ['rotations'], ['audit']])('%s keeps within 80 columns', async (command) => {
    const result = await onTerminal(80, [command]);
    const tooLong = linesOf(result).filter((line) => line.length > 80);
    expect([result.stdout.length > 0, tooLong]).toEqual([true, []]);
  });

  it('rotations show keeps within 80 columns, marks what happened between the steps, and says what to do', async () => {
    const name = 'production-api-server-of-the-eu-kt-k7f3ab-9x2m4q1c7d';
    worker.answers.rotation = {
      todo: [LONG, 'To give it up: `keyturn rotations abort 01JT0001CITESTING`.'], evidence: { stores: LONG }, watches: [{ name, until: new Date(Date.now() + 3_600_000).toISOString() }],
      attempts: [{ n: 1, name, sentAt: new Date().toISOString(), outcome: 'lost' }], abortAsked: { by: 'cli:bob@elsewhere', why: LONG },
      debts: [{ id: 'd', credential: 'ci-testing', issuerKeyId: 'key_7', cause: 'orphan', ageMs: 7_200_000, attempts: 1, nextTryAt: new Date().toISOString(), lastError: LONG, todo: [] }],
    };
    const [requested] = await worker.operations.rotate({ credentials: ['ci-testing'] }, { who: 'cli:alice@host', why: LONG });
    const id = requested?.rotation.id ?? '';
    worker.step(id, 'creating', 'clear', 'All proved.');
    worker.step(id, 'creating', 'taken_over', `Worker w-1 held it from then and gave no sign. Worker w-2 took over, epoch 3 → 4. ${LONG}`);
    const lines = linesOf(await onTerminal(80, ['rotations', 'show', id]));
    expect(lines.filter((line) => line.length > 80)).toEqual([]);
    const text = lines.join('\n');
    for (const part of ['What you can do\n- ', `attempt 1   ${name}:`, `watched     ${name}, until`, '  taken over   Worker w-1 held it', '- To give it up: `keyturn rotations abort', 'abort       asked by cli:bob@elsewhere', 'evidence    stores: ', 'debt        key key_7 is not revoked yet (orphan, for 2h, 1 try']) expect(text).toContain(part);
  });

  it('columns are aligned, and a narrow terminal says which are hidden', async () => {
    const narrow = linesOf(await onTerminal(80, ['keys']));
    const wide = linesOf(await onTerminal(200, ['keys']));
    const at = narrow[0]?.indexOf('LAST USED') ?? -1;
    expect(narrow.slice(1, 4).map((line) => line.slice(at - 2, at + 5))).toEqual([expect.stringMatching(/^ {2}\S/), expect.stringMatching(/^ {2}\S/), '  never']);
    expect(narrow.find((line) => line.startsWith('(hidden: '))).toContain('scopes');
    expect(wide[0]).toMatch(/^NAME +CREDENTIAL +ISSUER +ID +PREFIX +SCOPES +CREATED +LAST USED +TODAY +ERRORS +STATE$/);
    expect(wide.some((line) => line.startsWith('(hidden: '))).toBe(false);
  });

  it.each([[80], [60]])('usage in %i columns tells sources apart and keeps its bars', async (columns) => {
    const [key] = usageView('a').keys;
    if (key === undefined) throw new Error('no key');
    const cells = Array.from({ length: 48 }, (_, n) => (n < 40 ? 0 : n));
    const keys = ['audit', 'gateway'].map((source) => ({ ...key, issuerKeyId: 'key_407bdade1d578cc376a5', source, cells }));
    worker.answers.usage = usageView('a', { keys });
    const lines = linesOf(await onTerminal(columns, ['usage', 'a']));
    expect(lines.filter((line) => line.length > columns)).toEqual([]);
    for (const source of ['audit', 'gateway']) expect(lines.filter((line) => line.includes(source)).length, source).toBeGreaterThan(0);
    expect(lines.find((line) => /^KEY +SOURCE +USE$/.test(line))).toBeDefined();
    expect(lines.filter((line) => line.includes('█'))).toHaveLength(2);
  });

  it('an alert with its history keeps within a narrow terminal', async () => {
    worker.answers.alert = { timesTold: 1, events: [{ at: new Date().toISOString(), what: 'firing', detail: LONG }] };
    const lines = linesOf(await onTerminal(60, ['alerts', 'show', '01JTALERT0001']));
    expect(lines.filter((line) => line.length > 60)).toEqual([]);
    expect(lines.join('\n')).toContain('told         once, in');
  });

  it('status counts the alerts that fire', async () => {
    worker.answers.status = { alerts: { firing: 3, critical: 1 } };
    expect(linesOf(await onTerminal(80, ['status'])).join('\n')).toContain('! 3 alerts fire, 1 of them critical: `keyturn alerts --open`.');
  });

  it('times are relative, health has a colour, and --no-color or NO_COLOR takes it away', async () => {
    const [plain, ...bare] = await Promise.all([onTerminal(120, ['status']), onTerminal(120, ['status', '--no-color']), onTerminal(120, ['status'], { env: { NO_COLOR: '1' } })]);
    expect(plain.stdout).toContain('\u001b[31mblocked\u001b[39m');
    expect(plain.stdout).toContain('in 18d');
    expect(bare.map((result) => result.stdout.includes('\u001b['))).toEqual([false, false]);
  });

  it('revoke says what will happen and does nothing without a yes', async () => {
    const refused = await onTerminal(80, ['revoke', 'prod-api-server', '--reason', 'leak'], answering('\n'));
    expect([refused.code, refused.stdout]).toEqual([1, expect.stringContaining('Nothing was revoked.')]);
    for (const part of ['prod-api-server at hypermemory, of platform:', '(key_1, current):', 'revoked at once', 'A new key is created and', 'cannot be taken back']) expect(refused.stdout.replace(/\s+/g, ' ')).toContain(part);
    const interrupted = await onTerminal(50, ['revoke', 'prod-api-server', '--reason', 'leak'], answering('\u0003'));
    expect(interrupted.code).toBe(1);
    expect(interrupted.stdout).toMatch(/^ {2}- .*\r?\n {4}\S/m);
    expect(worker.calls.some((call) => call.operation === 'revoke')).toBe(false);
    const confirmed = await onTerminal(80, ['revoke', 'prod-api-server', '--reason', 'leak'], answering('y\n'));
    expect([confirmed.code, worker.calls.some((call) => call.operation === 'revoke')]).toEqual([0, true]);
  });

  it('doctor --settle shows its plan within 80 columns, and does nothing without a yes', async () => {
    worker.answers.doctor = [
      { subject: 'key', name: 'hm: orphan', level: 'problem', message: LONG, settle: { id: 'orphan/hm/key_9', does: 'revoke it', safe: LONG } },
      { subject: 'key', name: 'hm: theirs', level: 'ok', message: LONG, leftAlone: LONG },
    ];
    const no = await onTerminal(80, ['doctor', '--settle'], answering('n\n'));
    expect([no.code, linesOf(no).filter((line) => line.length > 80), worker.calls.some((call) => call.operation === 'settle')]).toEqual([1, [], false]);
    for (const part of ['→ hm: orphan:', 'Would revoke it. Safe, because', '· hm: theirs:', 'Left alone, because', 'Settle it? [y/N]', 'Nothing was settled.']) expect(linesOf(no).join('\n')).toContain(part);
    const yes = await onTerminal(80, ['doctor', '--settle'], answering('y\n'));
    expect([yes.code, worker.calls.filter((call) => call.operation === 'settle').map((call) => call.given)]).toEqual([0, [{ ids: ['orphan/hm/key_9'] }]]);
    expect(linesOf(yes).join('\n')).toContain('✓ hm: orphan: it is revoked.');
  });

  it('revoke of an unknown credential fails before it asks, with the nearest name', async () => {
    const result = await onTerminal(80, ['revoke', 'prod-api-servr', '--reason', 'leak']);
    expect([result.code, result.stdout]).toEqual([5, expect.stringContaining('Did you mean prod-api-server?')]);
    expect(result.stdout).not.toContain('[y/N]');
  });

  it('rotate --wait shows steps within the width, several credentials beside each other', async () => {
    const running = onTerminal(80, ['rotate', 'prod-api-server', 'ci-testing', '--wait']);
    const rows = await until(async () => { const found = await worker.operations.rotations({}); return found.length === 2 ? found : null; });
    for (const row of rows) {
      worker.step(row.id, 'preflight', 'admitted', 'Proving that it can succeed before anything is created.');
      if (row.credential === 'ci-testing') worker.step(row.id, 'aborted', 'refused', 'The store is full.');
      else worker.step(row.id, 'done', 'revoked', 'The old key is revoked; the new key is the only one.');
    }
    const result = await running;
    expect(result.code).toBe(1);
    const lines = linesOf(result);
    expect(lines.filter((line) => line.length > 80)).toEqual([]);
    expect(lines.some((line) => /^ +\d+\.\ds {2}ci-testing {7}aborted +The store is full\. \(refused\)$/.test(line))).toBe(true);
    expect(lines).toContain('prod-api-server is rotated: key_1 → key_2.');
  });

  it('status --watch shows it anew until Ctrl-C', async () => {
    let looks = 0;
    const result = await onTerminal(80, ['status', '--watch'], {
      onOutput: (output, child) => {
        looks = output.split('CREDENTIAL').length - 1;
        if (looks >= 2) child.stdin?.write('\u0003');
      },
    });
    expect([looks >= 2, result.code]).toEqual([true, 130]);
  });
});

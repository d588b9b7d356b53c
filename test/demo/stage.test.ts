import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pc from 'picocolors';
import { expect, onTestFinished, test, vi } from 'vitest';
import { parseConfig } from '../../src/config/load.ts';
import { configText, CREDENTIAL, SLACK_TOKEN_VARIABLE } from '../../src/demo/config-text.ts';
import { startChild, type Child } from '../../src/demo/process.ts';
import { openScreen, type Screen } from '../../src/demo/screen.ts';
import { running } from '../../src/demo/stage.ts';
import { DemoFailure, Interrupted, until } from '../../src/demo/until.ts';
import { temporaryDir } from '../sandbox/support.ts';

test('the worker accepts the demo\'s configuration without a warning', () => {
  const text = configText({
    sandboxUrl: 'http://127.0.0.1:4010', adminKeyFile: '/demo/admin.key', envFile: '/demo/app.env', dataDir: '/demo/data', apiPort: 24_000,
    healthUrl: 'http://127.0.0.1:4011/healthz', slackApiUrl: 'http://127.0.0.1:4012/api/', mail: { host: '127.0.0.1', port: 4013 },
  });
  const { config, warnings } = parseConfig('/demo/keyturn.yaml', text, { env: { [SLACK_TOKEN_VARIABLE]: 'xoxb' } });
  expect(warnings).toEqual([]);
  expect(Object.keys(config.credentials)).toEqual([CREDENTIAL]);
});

function child(script: string): Child {
  const dir = temporaryDir();
  const module = join(dir, 'child.mjs');
  writeFileSync(module, script);
  const started = startChild({ name: 'child', module, args: [], cwd: dir, env: process.env });
  onTestFinished(async () => void (await started.stop(0)));
  return started;
}

const says = (started: Child, line: string): Promise<void> => vi.waitFor(() => expect(started.lines).toContain(line), { timeout: 20_000 });

test('a child that has nothing left to do ends by itself, and that is seen with its last words', async () => {
  const started = child('console.error("no such file");');
  await vi.waitFor(() => expect(started.end).toBe('exit code 0'), { timeout: 20_000 });
  expect(() => running(started)).toThrow(/The child ended by itself \(exit code 0\).*no such file/s);
});

test('a child that will not end when it is asked to is killed', async () => {
  const started = child('process.on("SIGTERM", () => undefined); setInterval(() => undefined, 1000); console.log("up");');
  await says(started, 'up');
  expect(running(started)).toBe(true);
  expect(await started.stop(100)).toBe('SIGKILL');
});

test('a grandchild ends when the child that started it dies, however that dies', async () => {
  const [processModule, dir] = [new URL('../../src/demo/process.ts', import.meta.url).href, temporaryDir()];
  writeFileSync(join(dir, 'inner.mjs'), 'setInterval(() => undefined, 1000); console.log("inner up");');
  const outer = child(`
    import { startChild } from ${JSON.stringify(processModule)};
    const inner = startChild({ name: 'inner', module: ${JSON.stringify(join(dir, 'inner.mjs'))}, args: [], cwd: ${JSON.stringify(dir)}, env: process.env });
    setInterval(() => { if (inner.lines.includes('inner up')) console.log('inner is ' + inner.pid); }, 20);
  `);
  const pid = await vi.waitFor(() => {
    const found = outer.lines.map((line) => /inner is (\d+)/.exec(line)?.[1]).find((text) => text !== undefined);
    expect(found).toBeDefined();
    return Number(found);
  }, { timeout: 20_000 });
  outer.kill('SIGKILL');
  await vi.waitFor(() => expect(() => process.kill(pid, 0)).toThrow('ESRCH'), { timeout: 10_000 });
});

test('waiting ends with what is seen, at its deadline, or with the reason of its signal', async () => {
  const never = new AbortController().signal;
  let looks = 0;
  expect(await until('Three looks', { withinMs: 5_000, everyMs: 1, signal: never }, () => ((looks += 1) === 3 ? looks : null))).toBe(3);
  await expect(until('The bus comes', { withinMs: 20, everyMs: 1, signal: never }, () => null)).rejects.toThrow(new DemoFailure('The bus comes: not within 0 s.'));
  const stop = new AbortController();
  const waiting = until('The bus comes', { withinMs: 60_000, everyMs: 30_000, signal: stop.signal }, () => null);
  stop.abort(new Interrupted('Stopped.'));
  await expect(waiting).rejects.toThrow(Interrupted);
});

function screen(interactive: boolean, width = 60): { screen: Screen; lines: string[] } {
  const lines: string[] = [];
  return { lines, screen: openScreen({ interactive, width, line: (text) => void lines.push(text) }, pc.createColors(false)) };
}

test('a terminal gets long sentences wrapped beside the state, a pipe gets one line', () => {
  const sentence = 'Every store reads back the new key, and then some more words that need room.';
  const [terminal, pipe] = [screen(true), screen(false)];
  for (const one of [terminal, pipe]) one.screen.step(1_234, 'confirmed', sentence, false);
  expect(terminal.lines).toEqual([
    '      1.2s  confirmed     Every store reads back the new',
    '                          key, and then some more words that',
    '                          need room.',
  ]);
  expect(pipe.lines).toEqual([`      1.2s  confirmed     ${sentence}`]);
});

test('what is shown is shortened where asked, and cannot steer a terminal', () => {
  const { screen: shown, lines } = screen(false);
  shown.shorten('/tmp/demo/', '');
  shown.shorten(/T(\d\d:\d\d)\S+Z/g, ' $1');
  shown.event('good', 'store', 'file /tmp/demo/app.env at 2026-11-22T10:01:00Z \u001b[31m');
  expect(lines).toEqual(['         ✔  store         file app.env at 2026-11-22 10:01 \\u001b[31m']);
});

test('a report stands behind a bar, also where its lines are wrapped', () => {
  const { screen: shown, lines } = screen(true);
  shown.row('Open', 'Since when could others read it? That is not known.');
  expect(lines).toEqual([
    '         │  Open          Since when could others read it?',
    '         │                That is not known.',
  ]);
});

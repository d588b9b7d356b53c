/**
 * A process of its own that uses an env-file store, for tests that kill it, starve it or take rights from it.
 * argv: a JSON `VictimOrder`. Prints one JSON line: what happened.
 */
import { syncBuiltinESMExports } from 'node:module';
import { constants } from 'node:fs';
import fs, { type FileHandle } from 'node:fs/promises';
import { Secret } from '../../src/core/secret.ts';
import { KeyturnError } from '../../src/core/errors.ts';
import type { SecretStore } from '../../src/ports/store.ts';

export interface VictimOrder {
  readonly path: string;
  readonly variable: string;
  /** Values as they are to be current, one rotation each; empty: only a probe. */
  readonly values: readonly string[];
  /** Kill the process right before its nth change of the file system (in the middle of it, where it writes). */
  readonly dieAt?: number;
  /** Drop to this user and group first. */
  readonly uid?: number;
  readonly retire?: boolean;
}

export interface VictimReport {
  readonly done: boolean;
  readonly code?: string;
  readonly sentence?: string;
  readonly problems?: readonly { readonly fatal: boolean; readonly message: string }[];
  readonly changes: number;
}

type Call = (this: unknown, ...args: unknown[]) => Promise<unknown>;

let changes = 0;

/** Puts `instead` around one call. */
function wrap(owner: object, name: string, instead: (original: Call, self: unknown, args: unknown[]) => Promise<unknown>): void {
  const calls = owner as Record<string, Call>;
  const original = calls[name] as Call;
  calls[name] = function wrapped(this: unknown, ...args: unknown[]) {
    return instead(original, this, args);
  };
}

function die(): void {
  process.kill(process.pid, 'SIGKILL');
}

/** Makes every call that changes the file system one at which the process can die. */
async function arm(dieAt: number): Promise<void> {
  const dies = (): boolean => {
    changes += 1;
    return changes === dieAt;
  };
  const dieBefore = (original: Call, self: unknown, args: unknown[]): Promise<unknown> => {
    if (dies()) die();
    return original.apply(self, args);
  };
  const sample = await fs.open('/dev/null');
  const handles = Object.getPrototypeOf(sample) as FileHandle;
  await sample.close();
  for (const name of ['rename', 'link', 'unlink', 'chmod']) wrap(fs, name, dieBefore);
  for (const name of ['chown', 'sync']) wrap(handles, name, dieBefore);
  wrap(fs, 'open', (original, self, args) => {
    const [, flags] = args;
    const creates = flags === 'wx' || (typeof flags === 'number' && (flags & constants.O_CREAT) !== 0);
    return creates ? dieBefore(original, self, args) : original.apply(self, args);
  });
  wrap(handles, 'writeFile', async (original, self, [data]) => {
    const bytes = data as Buffer;
    const dying = dies();
    await original.call(self, dying ? bytes.subarray(0, bytes.length / 2) : bytes);
    if (dying) die();
  });
  syncBuiltinESMExports();
}

async function run(order: VictimOrder): Promise<VictimReport> {
  const { createEnvFileStore } = await import('../../src/stores/env-file/index.ts');
  if (order.uid !== undefined) {
    process.setgroups?.([]);
    process.setgid?.(order.uid);
    process.setuid?.(order.uid);
  }
  const store = createEnvFileStore({ name: 'env', path: order.path, variable: order.variable });
  const signal = AbortSignal.timeout(50_000);
  if (order.values.length === 0) return { done: true, problems: await store.probe(signal), changes };
  for (const [at, text] of order.values.entries()) {
    const [attempt, value] = [`${order.variable}-${at}`, new Secret(text)];
    await store.stage(attempt, value, signal);
    await promoteSoon(store, attempt, value, signal);
    if (order.retire === true) await store.retire(() => true, 'superseded', signal);
  }
  return { done: true, changes };
}

/** Another process may write in between: that is a conflict, and one reads again. */
async function promoteSoon(store: SecretStore, attempt: string, value: Secret, signal: AbortSignal): Promise<void> {
  for (;;) {
    try {
      const { version } = await store.read(signal);
      await store.promote({ attempt, value, expect: version, displaced: 'keep' }, signal);
      return;
    } catch (thrown) {
      if (!(thrown instanceof KeyturnError) || thrown.code !== 'STORE_CONFLICT') throw thrown;
    }
  }
}

const order = JSON.parse(process.argv[2] ?? '{}') as VictimOrder;
if (order.dieAt !== undefined) await arm(order.dieAt);
const report = await run(order).catch((thrown: unknown): VictimReport => {
  if (!(thrown instanceof KeyturnError)) throw thrown;
  return { done: false, code: thrown.code, sentence: thrown.sentence, changes };
});
process.stdout.write(`${JSON.stringify(report)}\n`);

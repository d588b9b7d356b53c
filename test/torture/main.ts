/**
 * `npm run torture -- [--runs N] [--seed S] [--path P] [--ledger model|embedded|postgres] [--json]`: random scenarios until
 * one breaks a promise. Exit 1 when one did; the last line is a summary, or one JSON object. Runs on all processors.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { randomInt } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { check, describeFailure } from './check.ts';
import { modelLedger } from './model-ledger.ts';
import type { OpenLedger } from './run.ts';
import { sqlLedgers } from './sql-ledger.ts';

interface Share {
  readonly runs: number;
  readonly seed: number;
  readonly failure: string | null;
  readonly counts: Readonly<Record<string, number>>;
}

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '1000' }, seed: { type: 'string' }, path: { type: 'string' }, ledger: { type: 'string', default: 'model' },
    json: { type: 'boolean', default: false }, share: { type: 'boolean', default: false },
  },
});
const [runs, seed] = [Number(values.runs), values.seed === undefined ? randomInt(2 ** 31) : Number(values.seed)];

if (!Number.isInteger(runs) || runs < 1 || !Number.isInteger(seed) || !['model', 'embedded', 'postgres'].includes(values.ledger)) {
  console.error('--runs and --seed take whole numbers; --ledger one of model, embedded, postgres (which wants DATABASE_URL: an empty database).');
  process.exitCode = 2;
} else if (values.share || values.path !== undefined) {
  await takeShare();
} else {
  await lead();
}

/** One process a processor, each with a seed of its own. */
async function lead(): Promise<void> {
  const began = Date.now();
  const processes = values.ledger === 'model' ? Math.min(availableParallelism(), runs) : 1;
  const shares = await Promise.all(Array.from({ length: processes }, (_, n) => share(Math.ceil((runs - n) / processes), seed + n)));
  const failures = shares.flatMap(({ failure }) => (failure === null ? [] : [failure]));
  const counts: Record<string, number> = {};
  for (const one of shares) for (const [what, n] of Object.entries(one.counts)) counts[what] = (counts[what] ?? 0) + n;
  const summary = { ledger: values.ledger, runs: shares.reduce((sum, one) => sum + one.runs, 0), seed, broken: failures.length, seconds: Math.round((Date.now() - began) / 1_000), counts };
  for (const failure of failures) console.log(`${failure}\n`);
  console.log(values.json ? JSON.stringify(summary) : inWords(summary));
  if (failures.length > 0) process.exitCode = 1;
}

function inWords({ ledger, runs, seed, broken, seconds, counts }: { ledger: string; runs: number; seed: number; broken: number; seconds: number; counts: Readonly<Record<string, number>> }): string {
  const of = (what: string): number => counts[what] ?? 0;
  return `torture (${ledger} ledger): ${runs} schedules from seed ${seed} in ${seconds} s, ${of('creating')} attempts, ${of('done')} rotations done, ${of('rolled_back')} rolled back, ${of('aborted')} aborted, ${of('emergencies')} emergencies, ${of('reports')} reports of leaks, ${of('kills')} kills, ${of('freezes')} freezes, ${of('faults')} faults, ${of('uses')} uses by applications: ${broken} broken promises`;
}

async function share(runs: number, seed: number): Promise<Share> {
  const child = fork(import.meta.filename, ['--share', '--runs', String(runs), '--seed', String(seed), '--ledger', values.ledger], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const [answer] = (await Promise.race([once(child, 'message'), once(child, 'exit').then(([code]) => { throw new Error(`a share of the runs ended with ${String(code)}`); })])) as [Share];
  return answer;
}

async function takeShare(): Promise<void> {
  const opened = await ledgers();
  const checked = await check(opened.open, { runs, seed, path: values.path });
  await opened.close();
  const failure = checked.failure === null ? null : describeFailure(checked.failure, seed);
  const answer: Share = { runs: checked.runs, seed, failure, counts: checked.counts };
  if (process.send !== undefined) {
    process.send(answer, () => process.exit(0));
    return;
  }
  console.log(failure ?? 'No promise was broken.');
  if (failure !== null) process.exitCode = 1;
}

async function ledgers(): Promise<{ open: OpenLedger; close(): Promise<void> }> {
  if (values.ledger === 'model') return { open: modelLedger, close: async () => undefined };
  const dataDir = mkdtempSync(join(tmpdir(), 'keyturn-torture-'));
  const databaseUrl = values.ledger === 'postgres' ? { databaseUrl: process.env['DATABASE_URL'] ?? '' } : {};
  const opened = await sqlLedgers({ dataDir, ...databaseUrl });
  const close = async (): Promise<void> => {
    await opened.close();
    rmSync(dataDir, { recursive: true, force: true });
  };
  return { open: opened.open, close };
}

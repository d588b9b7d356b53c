/** `npm run bench [-- --only NAME] [--runs N] [--json]`: measures, prints tables, and exits 1 where a limit is not kept. */
import { cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { measureRotation, ROTATION_CASES, type RotationFigures, type Skipped } from './rotation.ts';

/** What a rotation on the embedded runtime may add to the issuer's and the stores' own time, milliseconds. */
const OWN_LIMIT_MS = 250;
const RUNS = 9;

const { values } = parseArgs({
  options: { only: { type: 'string', multiple: true, default: [] }, runs: { type: 'string', default: String(RUNS) }, json: { type: 'boolean', default: false } },
});

await main(values.only, Number(values.runs), values.json);

async function main(only: readonly string[], runs: number, json: boolean): Promise<void> {
  // The store's default credential chain; moto accepts anything.
  Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'bench', AWS_SECRET_ACCESS_KEY: 'bench', AWS_EC2_METADATA_DISABLED: 'true' });
  const chosen = ROTATION_CASES.filter(({ name }) => only.length === 0 || only.some((part) => name.includes(part)));
  if (chosen.length === 0 || !Number.isInteger(runs) || runs < 1) {
    console.error(`Nothing to measure. --only takes (part of) one of ${ROTATION_CASES.map(({ name }) => name).join(', ')}; --runs a whole number.`);
    process.exitCode = 2;
    return;
  }
  const machine = { cpus: cpus().length, model: cpus()[0]?.model ?? 'unknown', node: process.version, load: loadavg()[0] ?? Number.NaN };
  console.log(`Rotation: ${machine.cpus} × ${machine.model}, Node ${machine.node}, load ${machine.load.toFixed(1)}; medians of ${runs} after 2 warm-ups, milliseconds.`);
  const results: RotationFigures[] = [];
  const skipped: Skipped[] = [];
  for (const one of chosen) {
    const result = await measureRotation(one, runs);
    if ('missing' in result) skipped.push(result);
    else results.push(result);
    console.log('missing' in result ? `  ${one.name}: skipped, ${result.missing} is not on this machine` : `  ${one.name}: measured`);
  }
  const kept = results.filter(({ name }) => name.startsWith('embedded')).every(({ ownMs }) => ownMs < OWN_LIMIT_MS);
  print(results);
  console.log(`Own time on the embedded runtime is ${kept ? '' : 'NOT '}under ${OWN_LIMIT_MS} ms.`);
  if (json) console.log(JSON.stringify({ machine: { ...machine, loadAfter: loadavg()[0] }, ownLimitMs: OWN_LIMIT_MS, kept, rotation: results, skipped }));
  if (!kept) process.exitCode = 1;
}

function print(results: readonly RotationFigures[]): void {
  const plain = { style: { head: [], border: [] } };
  const totals = new Table({ ...plain, head: ['case', 'calls', 'bare', 'Keyturn', 'ratio', 'own', 'own, least to most', 'own CPU', 'first'] });
  const shares = new Table({ ...plain, head: ['case', 'issuer and stores', 'ledger', 'queue', 'rest', 'ledger calls', 'commits', 'syncs', 'jobs', 'wakes'] });
  for (const r of results) {
    totals.push([r.name, r.calls, ms(r.bareMs), ms(r.keyturnMs), `${r.ratio.toFixed(2)}×`, ms(r.ownMs), `${ms(r.ownMinMs)} to ${ms(r.ownMaxMs)}`, ms(r.ownCpuMs), ms(r.firstMs)]);
    shares.push([r.name, ms(r.shares.outside), ms(r.shares.ledger), ms(r.shares.queue), ms(r.shares.rest), r.ledgerCalls, r.commits, r.syncs, r.jobs, r.wakes]);
  }
  console.log(`${totals.toString()}\nWhere Keyturn's time goes:\n${shares.toString()}`);
}

function ms(value: number): string {
  return value.toFixed(0);
}

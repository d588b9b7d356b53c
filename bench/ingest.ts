import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Secret } from '../src/core/secret.ts';
import { days, hours } from '../src/core/duration.ts';
import { createHyperMemoryIssuer } from '../src/issuers/hypermemory/index.ts';
import type { Log } from '../src/ports/log.ts';
import type { UsageSource } from '../src/ports/usage-source.ts';
import { createAccessLogSource } from '../src/sources/access-log/index.ts';
import { createIssuerSource } from '../src/sources/issuer/index.ts';
import { ingest as readSource } from '../src/usage/ingest.ts';
import type { BenchOptions, Benchmark, Row } from './benchmark.ts';
import { auditEvents, auditPages, type AuditWish } from './support/audit-events.ts';
import { openBook, type Book } from './support/book.ts';
import { startRemote } from './support/remote.ts';
import type { Runtime } from './support/runtimes.ts';
import { spread } from './support/statistics.ts';

const EVENTS = { full: 50_000, quick: 4_000 };
const RUNS = { full: 5, quick: 1 };
const KEYS = 100;

export const ingest: Benchmark = {
  name: 'ingest',
  measures: `Events of ${KEYS} keys with 20 callers each, spread over an hour, read by a usage source, counted, and recorded in the ledger batch by batch, as the job does it; in turn with parsing their JSON alone, from memory, in the same process. "Of parsing alone" is the rate to that of parsing; the processor time says the same without what waits for the disk and the neighbours (on the embedded runtime it holds the database's own). The audit log is answered by a process of its own, from memory too. A source of its own each time, so that each run begins with no callers and no minutes of it.`,
  tables: [{ title: 'Ingest', columns: [{ figure: 'rate', head: 'events', unit: '/s' }, { figure: 'bare', head: 'parsed alone', unit: '/s' }, { figure: 'share', head: 'of parsing alone', unit: '×' }, { figure: 'work', head: 'CPU to that of parsing', unit: '×' }, { figure: 'cpu', head: 'own CPU a thousand events', unit: 'ms' }, { figure: 'serverCpu', head: 'server CPU a thousand events', unit: 'ms' }] }],
  goals: [],
  run: (options) => options.runtimes.each(['embedded', 'postgres'], 'ingest', (runtime) => measure(runtime, options)),
};

interface Case {
  readonly label: string;
  readonly source: (name: string) => UsageSource;
  readonly parse: () => void;
}

async function measure(runtime: Runtime, { runs, quick, say }: BenchOptions): Promise<readonly Row[]> {
  const directory = mkdtempSync(join(tmpdir(), 'keyturn-bench-'));
  const book = await openBook(directory, runtime);
  const wish: AuditWish = { count: quick ? EVENTS.quick : EVENTS.full, endMs: (await book.ledger.now()).getTime(), keys: KEYS };
  const issuer = await startRemote('audit-log-process.ts', wish);
  try {
    await book.declare(KEYS);
    const cases = [auditLog(await issuer.call<string>('where'), wish), accessLog(join(directory, 'access.log'), wish)];
    const rows: Row[] = [];
    for (const one of cases) {
      rows.push(await inTurn(one, { book, runtime, count: wish.count, runs: runs ?? (quick ? RUNS.quick : RUNS.full) }));
      say(`${runtime.name}: ${one.label}`);
    }
    return rows;
  } finally {
    await issuer.stop();
    await book.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

function auditLog(url: string, wish: AuditWish): Case {
  const issuer = createHyperMemoryIssuer({ name: 'hm', baseUrl: url, adminKey: () => Promise.resolve(new Secret('hm_admin_of_the_benchmark')), generation: 1, timeoutMs: 10_000, listLagMs: 0 });
  const pages = auditPages(wish);
  return { label: 'audit log of an issuer', source: (name) => createIssuerSource({ name, issuer }), parse: () => pages.forEach((page) => JSON.parse(page) as unknown) };
}

function accessLog(path: string, wish: AuditWish): Case {
  writeFileSync(path, [...auditEvents(wish)].map((event) => `${JSON.stringify(event)}\n`).join(''));
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
  const fields = { at: 'at', address: 'ip', agent: 'user_agent' };
  return {
    label: 'access log, JSON lines',
    source: (name) => createAccessLogSource({ name, path, format: 'json', key: { by: 'id', field: 'key_id' }, fields, fingerprint: (value) => value }),
    parse: () => lines.forEach((line) => JSON.parse(line) as unknown),
  };
}

interface Turns {
  readonly book: Book;
  readonly runtime: Runtime;
  readonly count: number;
  readonly runs: number;
}

async function inTurn({ label, source, parse }: Case, { book, runtime, count, runs }: Turns): Promise<Row> {
  const [rates, bares, shares, works, cpus, serverCpus]: [number[], number[], number[], number[], number[], number[]] = [[], [], [], [], [], []];
  for (let run = 0; run <= runs; run += 1) {
    const bare = await took(parse);
    const serverCpu = runtime.serverCpu();
    const own = await took(() => drained(book, source(`${label} ${run}`), count));
    if (run === 0) continue; // plans and code warm up
    rates.push((count * 1_000) / own.ms);
    bares.push((count * 1_000) / bare.ms);
    shares.push(bare.ms / own.ms);
    works.push(own.cpuMs / bare.cpuMs);
    cpus.push((own.cpuMs * 1_000) / count);
    serverCpus.push(((runtime.serverCpu() - serverCpu) * 1_000_000) / count);
  }
  return { case: label, runtime: runtime.name, figures: { rate: spread(rates), bare: spread(bares), share: spread(shares), work: spread(works), cpu: spread(cpus), serverCpu: spread(serverCpus) } };
}

const nothing = (): void => undefined;
const quiet: Log = { debug: nothing, info: nothing, warn: nothing, error: nothing, child: () => quiet };

/** As the job reads a source, turn after turn. Throws where not all of it was counted: then something else was measured. */
async function drained({ ledger, usage }: Book, source: UsageSource, count: number): Promise<void> {
  const ingesting = { usage, retention: { minutesMs: days(14) }, log: quiet, now: () => ledger.now() };
  let taken = 0;
  while (taken < count) {
    const more = await readSource(ingesting, source, new AbortController().signal);
    if (more === 0) break;
    taken += more;
  }
  const now = (await ledger.now()).getTime();
  const keys = [...(await usage.activeKeys(new Date(now - hours(2)), new Date(now)))].filter(({ source: of }) => of === source.name).length;
  if (taken !== count || keys !== KEYS) throw new Error(`of ${count} events ${taken} were read, of ${keys} keys: ${(await usage.source(source.name)).lastError ?? 'no error'}`);
}

async function took(work: () => unknown): Promise<{ readonly ms: number; readonly cpuMs: number }> {
  const [from, cpu] = [performance.now(), process.cpuUsage()];
  await work();
  const { user, system } = process.cpuUsage(cpu);
  return { ms: performance.now() - from, cpuMs: (user + system) / 1_000 };
}

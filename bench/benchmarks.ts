/** Every benchmark, in the order in which they run. */
import type { Benchmark } from './benchmark.ts';
import { emergency } from './emergency.ts';
import { ingest } from './ingest.ts';
import { memory } from './memory.ts';
import { overhead } from './overhead.ts';
import { rotation } from './rotation.ts';
import { scan } from './scan.ts';
import { startup } from './startup.ts';
import { sweep } from './sweep.ts';
import { throughput } from './throughput.ts';

export const BENCHMARKS: readonly Benchmark[] = [rotation, overhead, sweep, emergency, throughput, ingest, scan, memory, startup];

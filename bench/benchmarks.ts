/** Every benchmark, in the order in which they run. */
import type { Benchmark } from './benchmark.ts';
import { emergency } from './emergency.ts';
import { memory } from './memory.ts';
import { overhead } from './overhead.ts';
import { rotation } from './rotation.ts';
import { startup } from './startup.ts';
import { sweep } from './sweep.ts';
import { throughput } from './throughput.ts';

export const BENCHMARKS: readonly Benchmark[] = [rotation, overhead, sweep, emergency, throughput, memory, startup];

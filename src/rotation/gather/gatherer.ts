import type { Facts } from '../../core/facts.ts';
import type { Turn } from '../engine.ts';

/** Gathers the section of the facts that one state decides on. Reads only; what fails to answer becomes a fact too. */
export type Gatherer = (turn: Turn, base: Facts) => Promise<Partial<Facts>>;

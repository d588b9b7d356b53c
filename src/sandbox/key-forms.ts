import { createHash, randomBytes } from 'node:crypto';
import type { Environment, Generation } from './plans.ts';

const PREFIX_LENGTH = 8;

/** A fresh key: `hm_live_…` or `hm_test_…` in the first generation, `hm_` and 64 hex digits in the second. */
export function mintValue(generation: Generation, environment: Environment): string {
  return generation === 2 ? `hm_${randomBytes(32).toString('hex')}` : `hm_${environment}_${randomBytes(24).toString('hex')}`;
}

/** What the service keeps instead of the value. */
export function sha256(value: string): string {
  return createHash('sha256').update(value).digest('hex');
}

/** The first 8 characters: in the first generation every key of an account shares them. */
export function prefixOf(value: string): string {
  return value.slice(0, PREFIX_LENGTH);
}

export function mintId(): string {
  return `key_${randomBytes(10).toString('hex')}`;
}

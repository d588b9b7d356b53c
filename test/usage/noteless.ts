import type { Context } from '../../src/app/context.ts';

async function die(): Promise<never> {
  throw new Error('died here');
}

/** A worker that dies as it is about to tell of what it found. */
export function noteless(context: Context): Context {
  return { ...context, alerts: { ...context.alerts, apply: die } };
}

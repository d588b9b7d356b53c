import { AsyncLocalStorage } from 'node:async_hooks';

/** `emergency`: is part of one. `ahead`: looks whether there is one. */
const urgency = new AsyncLocalStorage<'emergency' | 'ahead' | 'none'>();

/** Runs `work`, with all that it begins, as part of an emergency: what is had by one at a time is given to it first, and others keep out of its way. */
export function urgently<T>(work: () => T): T {
  return urgency.run('emergency', work);
}

/** Runs what looks for emergencies: it comes before others too, but nobody has to wait for more of it. */
export function ahead<T>(work: () => T): T {
  return urgency.run('ahead', work);
}

/** Runs what an emergency begins beside itself, and does not wait for, like anything else. */
export function inTurn<T>(work: () => T): T {
  return urgency.run('none', work);
}

export function isEmergency(): boolean {
  return urgency.getStore() === 'emergency';
}

/** Whether it comes before others. */
export function isUrgent(): boolean {
  return isEmergency() || urgency.getStore() === 'ahead';
}

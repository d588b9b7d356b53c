import type { ProblemCode } from './source.ts';

/** The ring read its source and has other keys than before (`changed`), or the source is well again after a problem. */
export interface RefreshedEvent {
  readonly type: 'refreshed';
  readonly source: string;
  readonly changed: boolean;
  readonly hasBackup: boolean;
  readonly version: string | null;
}

/** The primary key was refused with a 401 and the backup served instead; calls begin with the backup from here on. */
export interface FellBackEvent {
  readonly type: 'fell-back';
  readonly source: string;
}

/** The source could not be read or holds no usable key. Told once, not at every attempt. */
export interface ProblemEvent {
  readonly type: 'problem';
  readonly source: string;
  readonly code: ProblemCode;
  readonly message: string;
}

/** What a ring tells its application. No event ever holds a key. */
export type KeyRingEvent = RefreshedEvent | FellBackEvent | ProblemEvent;

export type KeyRingListener = (event: KeyRingEvent) => void;

/** Tells the listener; one that throws must not break the application's request, so it becomes a process warning. */
export function tell(listener: KeyRingListener | undefined, event: KeyRingEvent): void {
  try {
    listener?.(event);
  } catch (error) {
    process.emitWarning(`The onEvent function of a KeyRing threw ${error instanceof Error ? error.name : 'a value'} on "${event.type}".`, 'KeyRingWarning');
  }
}

/** The part of the ledger that incidents are read from, and that remembers what people were told of them. */
import type { Notice } from '../core/vocabulary.ts';
import type { AuditEvent, Page, Rotation } from './ledger.ts';

/** A report that people were sent. */
export interface ToldReport {
  readonly incident: string;
  /** 1 for the first; 0: nobody was told, and nobody will be. */
  readonly version: number;
  /** The gist of what was told, as whoever made it wrote it. JSON, no secrets. */
  readonly digest: unknown;
  readonly at: Date;
}

/** An incident of which people may have to be told. */
export interface IncidentToReport {
  readonly rotation: Rotation;
  /** The newest report; null before the first. */
  readonly told: ToldReport | null;
}

export interface IncidentLedger {
  /** Emergency rotations, newest first; those of drills only by their credential. */
  emergencies(filter: { readonly credential?: string }, page: Page): Promise<readonly Rotation[]>;
  /** Of the rotations named: the newest report of each that has any, by its incident. */
  toldOf(incidents: readonly string[]): Promise<ReadonlyMap<string, ToldReport>>;
  /** Audit events of one rotation, oldest first; of very many the newest. */
  auditOf(rotationId: string): Promise<readonly AuditEvent[]>;
  /** Those that were never reported, but for drills; with `followedMs` those too whose first report is no older. By id, from the one after `after` on. */
  toReport(filter: { readonly followedMs?: number }, page: { readonly limit: number; readonly after?: string }): Promise<readonly IncidentToReport[]>;
  /** The report and its messages, in one transaction. `already`: somebody has written this version; nothing changed then. */
  record(report: Omit<ToldReport, 'at'>, notice: { readonly notice: Notice; readonly channels: readonly string[] } | null): Promise<'recorded' | 'already'>;
}

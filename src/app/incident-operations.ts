/** What can be asked about incidents; a part of `Questions`. */
import type { IncidentReport } from '../incidents/index.ts';

export type { IncidentReport } from '../incidents/index.ts';

export const REPORT_FORMATS = ['json', 'markdown', 'html'] as const;
export type ReportFormat = (typeof REPORT_FORMATS)[number];

export interface IncidentView {
  readonly id: string;
  readonly credential: string;
  readonly issuer: string;
  readonly owner: string | null;
  /** Of its rotation. */
  readonly state: string;
  readonly message: string;
  readonly requestedBy: string;
  readonly why: string;
  readonly at: string;
  readonly finishedAt: string | null;
  /** How many reports people were sent, and when the last. */
  readonly reports: number;
  readonly reportedAt: string | null;
}

export interface IncidentQuestions {
  /** Emergency revocations, newest first. Throws UNKNOWN_CREDENTIAL. */
  incidents(filter: { readonly credential?: string; readonly limit?: number }): Promise<readonly IncidentView[]>;
  /** Made of what the ledger knows now. Throws UNKNOWN_NAME, USAGE for an ambiguous prefix. */
  incident(idOrPrefix: string): Promise<IncidentReport>;
  /** The same, for people. */
  incidentText(idOrPrefix: string, format: Exclude<ReportFormat, 'json'>): Promise<string>;
}

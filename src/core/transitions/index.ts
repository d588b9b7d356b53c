/**
 * The one transition table. In each state the first row whose path and condition fit decides; the last row of each
 * state always fits. docs/architecture.md draws it; test/core/transitions.test.ts walks every row.
 */
import { BEFORE } from './before.ts';
import { ABORTING, REVOKING, ROLLING_BACK } from './ending.ts';
import { CREATING, STAGED } from './minting.ts';
import type { Row } from './row.ts';
import { CONFIRMED, DRAINING, PROMOTING } from './serving.ts';

export type { Effect, LedgerWrite, Row, Does } from './row.ts';

export const TRANSITIONS: readonly Row[] = [
  ...BEFORE, ...CREATING, ...STAGED, ...PROMOTING, ...CONFIRMED, ...DRAINING, ...REVOKING, ...ABORTING, ...ROLLING_BACK,
];

export { BETWEEN_MS, digestOf, FOLLOWED_MS, MOST_FOLLOW_UPS, newsSince, type Digest } from './digest.ts';
export { documentOf } from './document.ts';
export type { DyingKey, History, IncidentFacts, IncidentRef, Leak, Recovery } from './facts.ts';
export { htmlOf } from './html.ts';
export { markdownOf } from './markdown.ts';
export { reportNotice, severityOf } from './notice.ts';
export { HELD_AFTER_MS } from './recovery.ts';
export { reportOf } from './report.ts';
export { reportSchema, type IncidentReport } from './schema.ts';

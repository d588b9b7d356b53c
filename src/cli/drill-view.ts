/** How drills look. */
import type { DrillPlanView, DrillSpread, DrillTrend, DrillView } from '../app/drills/operations.ts';
import { duration } from '../core/phrases.ts';
import { clean } from './clean.ts';
import type { Column } from './table.ts';
import { wrap, type Colors, type Terminal } from './terminal.ts';
import { relative } from './times.ts';

const PAINT: Readonly<Record<string, 'green' | 'red' | 'yellow' | 'cyan'>> = { running: 'cyan', passed: 'green', failed: 'red', given_up: 'yellow' };

export const paintDrill = (colors: Colors, text: string, state: string): string => colors[PAINT[state] ?? 'cyan'](text);

const exactMs = (ms: number | null): string => (ms === null ? '-' : String(Math.round(ms)));
const shownMs = (ms: number | null): string => (ms === null ? '-' : duration(ms));

export const DRILL_COLUMNS: readonly Column<DrillView>[] = [
  { head: 'ID', exact: (row) => row.id },
  { head: 'CREDENTIAL', exact: (row) => row.credential },
  { head: 'STATE', exact: (row) => row.state, paint: (colors, text, row) => paintDrill(colors, text, row.state) },
  { head: 'STARTED', exact: (row) => row.startedAt, shown: (row) => relative(row.startedAt), drop: 3 },
  { head: 'REVOKE', exact: (row) => exactMs(row.timeToRevokeMs), shown: (row) => shownMs(row.timeToRevokeMs) },
  { head: 'RECOVER', exact: (row) => exactMs(row.timeToRecoverMs), shown: (row) => shownMs(row.timeToRecoverMs) },
  { head: 'BY', exact: (row) => row.requestedBy, drop: 2 },
  { head: 'SAYS', exact: (row) => row.failure ?? (row.now || '-'), drop: 1, wraps: true },
];

/** How those that passed did, one line a credential. */
export function printTrends(out: Terminal, trends: readonly DrillTrend[]): void {
  for (const { credential, drills, passed, revoke, recover } of trends.filter((trend) => trend.drills > 0)) {
    const text = `${credential}: ${passed} of the last ${drills} passed${revoke === null || recover === null ? '' : `; revoked ${spread(revoke)}, recovered ${spread(recover)}`}.`;
    if (out.interactive) for (const line of wrap(clean(text), out.width)) out.line(out.colors.dim(line));
    else out.line(`# ${clean(text)}`);
  }
}

const spread = ({ medianMs, slowestMs, lastMs }: DrillSpread): string => `after ${duration(lastMs)} last (median ${duration(medianMs)}, slowest ${duration(slowestMs)})`;

/** To standard error: what is asked about is not the answer of the command. */
export function showDrillPlan(out: Terminal, { credential, issuer, scopes, steps }: DrillPlanView): void {
  const say = (text: string, indent = '', hang = ''): void => {
    for (const line of wrap(clean(text), Math.max(20, out.width - indent.length), hang)) out.note(`${indent}${line}`);
  };
  say(`A drill of ${credential} at ${issuer} (${scopes.join(', ')}):`);
  steps.forEach((step, n) => say(`${n + 1}. ${step}`, '  ', '   '));
}

/** One drill, for people or for a pipe. */
export function printDrill(out: Terminal, drill: DrillView): void {
  if (!out.interactive) return out.line([drill.id, drill.credential, drill.state, exactMs(drill.timeToRevokeMs), exactMs(drill.timeToRecoverMs), drill.failure ?? ''].map(clean).join('\t'));
  out.line(`${clean(`Drill ${drill.id} of ${drill.credential} at ${drill.issuer}: `)}${paintDrill(out.colors, drill.state.replace('_', ' '), drill.state)}`);
  for (const line of linesOf(drill)) for (const part of wrap(clean(line), Math.max(20, out.width - 2))) out.line(`  ${part}`);
}

const PROOFS = { call: 'a call with the revoked key was refused', list: 'the issuer lists the revoked key no more' } as const;

const STEPS: Readonly<Record<string, string>> = { mint: 'Issuing the key', leak: 'The emergency', end: 'Revoking what is left' };

function linesOf(drill: DrillView): readonly string[] {
  const { failure, now, timeToRevokeMs, timeToRecoverMs, refusedBy, requestedBy, why, scheduledFor, startedAt, finishedAt, rotations } = drill;
  return [
    ...(failure === null ? [] : [failure]),
    ...(now === '' ? [] : [now]),
    `Time to revoke: ${shownMs(timeToRevokeMs)}. Time to recover: ${shownMs(timeToRecoverMs)}.`,
    ...(refusedBy === null ? [] : [`Proof that it died: ${PROOFS[refusedBy]}.`]),
    `Asked for by ${requestedBy}${why === '' ? '' : ` (${why})`}${scheduledFor === null ? '' : ` for ${scheduledFor}`}; begun ${startedAt}${finishedAt === null ? '' : `, over ${finishedAt}`}.`,
    ...rotations.map(({ step, id }) => `${STEPS[step] ?? step}: \`keyturn rotations show ${id}\``),
  ];
}

/** The last page: figures and promises. */
import type { Screen } from './screen.ts';
import type { Verdict } from './judge.ts';
import { PROMISES } from './promises.ts';

export function showVerdict(screen: Screen, verdict: Verdict, durationMs: number): void {
  const { colors, width } = screen;
  const line = (text: string): void => screen.line(text);
  const { promisesKept, promisesBroken } = verdict;
  const head = ' What it came to ';
  line(`\n${colors.bold(colors.inverse(head))}${colors.dim('─'.repeat(Math.max(0, width - head.length)))}`);
  const rows = figures(verdict, durationMs);
  const [widest, longest] = [Math.max(...rows.map(([label]) => label.length)), Math.max(...rows.map(([, figure]) => figure.length))];
  for (const [label, figure, remark] of rows) line(`   ${label.padEnd(widest)}  ${colors.bold(figure.padStart(longest))}  ${colors.dim(remark)}`.trimEnd());
  line('');
  for (const promise of promisesKept) line(`   ${colors.green('✔')} ${promise}`);
  for (const broken of promisesBroken) line(`   ${colors.red('✘')} ${colors.red(broken)}`);
  const kept = `Promises kept: ${promisesKept.length} of ${PROMISES.length}.`;
  line(`\n   ${promisesBroken.length === 0 ? colors.bold(colors.green(kept)) : colors.bold(colors.red(kept))}\n`);
}

type Row = readonly [label: string, figure: string, remark: string];

function figures(verdict: Verdict, durationMs: number): readonly Row[] {
  const ends = Object.entries(verdict.rotations).map(([state, count]) => `${count} ${state.replaceAll('_', ' ')}`).join(', ');
  const rotations = Object.values(verdict.rotations).reduce((sum, count) => sum + count, 0);
  return [
    ['Rotations', String(rotations), ends],
    ['Keys minted', String(verdict.keysMinted), 'as HyperMemory counts them, without the admin key'],
    ['Keys live', String(verdict.keysLive), ''],
    ['Application requests', String(verdict.applicationRequests), ''],
    ['Application failures', String(verdict.applicationFailures), 'outside the gap that the leaked key left'],
    ['Failures in the gap', String(verdict.failuresInEmergencyGap), verdict.emergencyGapMs === null ? '' : `within ${seconds(verdict.emergencyGapMs)}, until its replacement`],
    ['Leaked key dead after', verdict.timeToRevokeMs === null ? 'never' : `${verdict.timeToRevokeMs} ms`, 'since its report was sent'],
    ['Messages delivered', String(verdict.messagesDelivered), `${verdict.slackMessages} by Slack, ${verdict.mails} by mail`],
    ['Longest rotation', seconds(verdict.longestRotationMs), ''],
    ['All of it', seconds(durationMs), ''],
  ];
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}

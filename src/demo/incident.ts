/** The report of the emergency, in short: what people find when they ask what the leaked key did. */
import type { Client } from '../api/client.ts';
import { SOON_MS, type Play } from './play.ts';
import { until } from './until.ts';

type Report = Awaited<ReturnType<Client['incident']>>;

const SHOWN_CALLERS = 3;
const SHOWN_QUESTIONS = 2;

/** Shows it once usage has told all calls of the stranger, and somebody's with the replacement. */
export async function showIncident({ stage: { client }, screen, signal }: Play, id: string, stranger: { readonly program: string; readonly requests: number }): Promise<void> {
  const report = await until('The report knows who used the leaked key', { withinMs: SOON_MS, everyMs: 250, signal }, async () => {
    const seen = await client.incident(id);
    const { callers } = seen.usage;
    const isThere = callers.some(({ program, requests }) => program === stranger.program && requests >= stranger.requests) && callers.some(({ usesReplacement }) => usesReplacement === true);
    return isThere && seen.status === 'recovered' ? seen : null;
  });
  screen.event('note', 'operator', `keyturn incidents show ${id}   (here in short)`);
  for (const [label, text] of rowsOf(report)) screen.row(label, plain(text));
}

function rowsOf({ summary, usage: { callers }, standsOut, questions }: Report): readonly (readonly [label: string, text: string])[] {
  const rows = [
    ['In short', [summary]],
    ['Who called', callers.slice(0, SHOWN_CALLERS).map(callerText)],
    ['Stands out', standsOut.map(({ text }) => text)],
    ['Open', questions.slice(0, SHOWN_QUESTIONS).map(({ text }) => text)],
  ] as const;
  return rows.flatMap(([label, texts]) => texts.map((text, n) => [n === 0 ? label : '', text] as const));
}

function callerText({ address, program, requests, denied, usesReplacement }: Report['usage']['callers'][number]): string {
  const since = usesReplacement === true ? 'uses the replacement' : 'not seen with the replacement';
  return `${address} with ${program}: ${requests} requests, ${denied} refused; ${since}`;
}

/** A terminal has no use for the marks of code. */
function plain(text: string): string {
  return text.replaceAll('`', '');
}

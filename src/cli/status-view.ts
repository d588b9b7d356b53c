/** What `status` shows: the worker in a line, the credentials, and below them only what needs somebody. */
import type { CredentialStatus, StatusView } from '../app/operations.ts';
import { clean } from './clean.ts';
import { printConcerns } from './concerns.ts';
import { paintHealth } from './states.ts';
import { list, type Column } from './table.ts';
import type { Terminal } from './terminal.ts';
import { relative, span } from './times.ts';

/** As in src/alerts/failing.ts: before that retries may still outlast it. */
const FAILING_AFTER_MS = 15 * 60_000;

export async function printStatus(out: Terminal, view: StatusView): Promise<void> {
  const title = clean(`Keyturn ${view.version}, worker ${view.worker}, up ${span(Date.now() - Date.parse(view.startedAt))}, ledger ${view.runtime.ledger}, queue ${view.runtime.queue}`);
  out.line(out.interactive ? out.colors.dim(title) : `# ${title}`);
  await list(out, false, view.credentials, COLUMNS, 'No credential is declared.');
  printConcerns(out, [...concernsOf(view)]);
}

/** Sentences about what is not as it should be, the most urgent first. */
function* concernsOf(view: StatusView): Generator<string> {
  for (const { openRotation, health, credential, retired } of view.credentials) {
    const needed = openRotation !== null && (health === 'blocked' || health === 'waiting' || openRotation.todo.length > 0);
    if (needed) yield `${credential} is ${health} (${openRotation.state}, ${openRotation.reason}): ${withTodo(openRotation.message, openRotation.todo)}`;
    if (health === 'unbound') yield `${credential} has no key that is known to be its own: see \`keyturn plan ${credential}\`, or \`keyturn adopt\` one.`;
    if (retired !== null && health === 'retired') yield `${credential} was retired by ${retired.by} ${relative(retired.since)} (${retired.why}) and has no key. To bring it back: \`keyturn rotate ${credential}\`.`;
  }
  for (const debt of view.debts) {
    const said = `Key ${debt.issuerKeyId} of ${debt.credential} is not revoked yet (${debt.cause}, for ${span(debt.ageMs)}, ${debt.attempts} tries, again ${relative(debt.nextTryAt)})${debt.lastError === null ? '.' : `: ${debt.lastError}`}`;
    yield withTodo(said, debt.todo);
  }
  for (const pause of view.pauses) {
    yield `Paused: ${pause.scope === 'all' ? 'everything' : `${pause.scope} ${pause.name ?? ''}`}, by ${pause.by} ${relative(pause.since)}${pause.why === '' ? '.' : `: ${pause.why}`}`;
  }
  for (const { channel, failingMs, waiting, lastError } of view.channels) {
    if (failingMs !== null && failingMs >= FAILING_AFTER_MS) yield `Channel ${channel} takes no messages for ${span(failingMs)}, ${waiting} wait${lastError === null ? '.' : `: ${lastError}`}`;
  }
  for (const { title, happened, since } of view.troubles) yield `${title} (since ${relative(since)}). ${happened}`;
  const { firing, critical } = view.alerts;
  if (firing > 0) yield `${firing} ${firing === 1 ? 'alert fires' : 'alerts fire'}${critical === 0 ? '' : `, ${critical} of them critical`}: \`keyturn alerts --open\`.`;
  yield* responseConcerns(view.responses);
  for (const stuck of view.stuckDeliveries) {
    yield `A message to ${stuck.channel} is stuck (${stuck.title})${stuck.lastError === null ? '' : `: ${stuck.lastError}`}. Once the cause is gone: \`keyturn deliveries retry ${stuck.channel}\`.`;
  }
  yield* view.warnings;
}

const responses = (count: number): string => `${count} response${count === 1 ? '' : 's'}`;

function* responseConcerns({ waiting, tripped }: StatusView['responses']): Generator<string> {
  if (tripped > 0) yield `The circuit breaker held back ${responses(tripped)} to critical findings within the last day; nothing was revoked: \`keyturn responses --state tripped\`.`;
  if (waiting > 0) yield `${responses(waiting)} to critical findings ${waiting === 1 ? 'waits' : 'wait'} for somebody to decide: \`keyturn responses --open\`.`;
}

/** A message of preflight holds its remedies already: each is said once. */
function withTodo(message: string, todo: readonly string[]): string {
  return [message, ...todo.filter((text) => !message.includes(text))].join(' ');
}

const COLUMNS: readonly Column<CredentialStatus>[] = [
  { head: 'CREDENTIAL', exact: (row) => row.credential },
  { head: 'HEALTH', exact: (row) => row.health, paint: (colors, text, row) => paintHealth(colors, text, row.health) },
  { head: 'KEY', exact: (row) => row.currentKey?.issuerKeyId ?? '-', drop: 2 },
  { head: 'AGE', exact: (row) => (row.keyAgeMs === null ? '-' : String(row.keyAgeMs)), shown: (row) => (row.keyAgeMs === null ? '-' : span(row.keyAgeMs)) },
  { head: 'DUE', exact: (row) => row.dueAt ?? '-', shown: (row) => relative(row.dueAt) },
  { head: 'ROTATED', exact: (row) => row.lastRotatedAt ?? '-', shown: (row) => relative(row.lastRotatedAt), drop: 3 },
  { head: 'ROTATION', exact: (row) => row.openRotation?.state ?? '-', drop: 1 },
  { head: 'ISSUER', exact: (row) => row.issuer, drop: 4 },
  { head: 'OWNER', exact: (row) => row.owner ?? '-', drop: 5 },
  { head: 'POLICY', exact: (row) => row.policy, drop: 6 },
];

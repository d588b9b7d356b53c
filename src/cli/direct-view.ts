/** What people see of `keyturn revoke --direct`: what would die, and what came of it. */
import { installationOf, type OfCredential, type Target } from '../app/break-glass/find.ts';
import type { Kept } from '../app/break-glass/keep.ts';
import type { Killed } from '../app/break-glass/kill.ts';
import { servedBy } from '../app/break-glass/served.ts';
import { saysDead, type BreakGlassRecord } from '../core/break-glass.ts';
import { KeyturnError } from '../core/errors.ts';
import type { CredentialPlan } from '../core/plan.ts';
import { ask } from './ask.ts';
import type { Beside } from './beside-worker.ts';
import { clean } from './clean.ts';
import type { Cli } from './command.ts';
import { relative } from './times.ts';

const SERVED_WITHIN_MS = 2_500;

/** What was meant, and what the configuration says of it. */
export interface Meant {
  readonly named: string;
  readonly targets: readonly Target[];
  readonly others: readonly Target[];
  /** Null for a key whose name tells no credential of the configuration. */
  readonly plan: CredentialPlan | null;
  /** This installation's id; null where nothing tells it. */
  readonly installation: string | null;
}

export interface Revoked {
  readonly target: Target;
  readonly killed: Killed;
  readonly record: BreakGlassRecord;
  readonly kept: Kept;
}

/** Throws where the configuration does not tell which keys are this credential's: USAGE where there are some to choose from, else UNKNOWN_NAME. */
export function refuseUntold(plan: CredentialPlan, { targets, others }: OfCredential, installation: string | null): void {
  if (installation === null && others.length > 0) {
    const made = [...new Set(others.flatMap(({ key }) => (key === null ? [] : (installationOf(key) ?? []))))];
    throw new KeyturnError('USAGE', `Which of these keys are this installation's is known to the ledger and to the data directory of a worker, and neither is at hand:\n${others.map((one) => `  ${lineOf(one, null)}`).join('\n')}\nNothing was revoked.`, {
      effect: 'none', todo: `If they are yours, name their installation (${made.map((one) => `--installation ${one}`).join(', or ')}); or name one key by its id.`,
    });
  }
  if (targets.length > 0) return;
  const seen = others.length === 0 ? '' : ` Live keys with such names were made by other installations: ${others.map(({ keyId }) => keyId).join(', ')}.`;
  throw new KeyturnError('UNKNOWN_NAME', `${plan.issuer.name} lists no live key that this installation made for ${plan.credential}, or that the configuration adopts for it.${seen} Nothing was revoked.`, {
    effect: 'none', todo: 'A key that was adopted with `keyturn adopt` is known to the ledger alone: name it by its id.',
  });
}

/** Says what would die and asks. Throws USAGE where nobody can be asked. */
export async function confirmDirect(cli: Cli, meant: Meant, beside: Beside): Promise<boolean> {
  if (!cli.out.canAsk) throw new KeyturnError('USAGE', 'A revocation cannot be taken back, and nobody can be asked here. Nothing was revoked.', { effect: 'none', todo: 'Add --yes if that is what you want.' });
  const { targets, others, plan, installation, named } = meant;
  const note = (text: string): void => cli.out.note(clean(text));
  const issuer = targets[0]?.issuer;
  noteWorker(cli, beside);
  const served = plan === null || issuer === undefined ? null : await servedBy(issuer, plan, targets.map(({ keyId }) => keyId), SERVED_WITHIN_MS);
  note(`This revokes at ${issuer?.name}, at once and past the worker:`);
  for (const target of targets) note(`  ${lineOf(target, installation)}${servedText(served?.get(target.keyId))}`);
  if (others.length > 0) note(`Left alone, since other installations made them: ${others.map(({ keyId }) => keyId).join(', ')}.`);
  note('Nothing replaces it until a worker takes the record in. A revocation cannot be taken back.');
  return await ask(clean(`Revoke ${targets.length === 1 ? (targets[0]?.keyId ?? named) : `${targets.length} keys`}?`));
}

/** Beside a worker the ordinary way is better, and this one does no harm. */
export function noteWorker(cli: Cli, { answers, place }: Beside): void {
  if (answers) cli.out.note(clean(`A worker answers at ${place}. Without --direct it revokes just as fast, and replaces the key at once.`));
}

function servedText(places: readonly string[] | undefined): string {
  return places === undefined ? '' : `; served by ${places.join(', ')}`;
}

function lineOf({ keyId, key }: Target, installation: string | null): string {
  if (key === null) return `${keyId}, which the issuer does not list`;
  const { name, prefix, createdAt, lastUsedAt, live } = key;
  return `${keyId}  ${name}  ${prefix}…${live ? '' : '  revoked already'}  created ${instant(createdAt) ?? 'at an unknown time'}, last used ${instant(lastUsedAt) ?? 'never, as far as it is told'}; ${madeBy(installationOf(key), installation)}`;
}

function instant(date: Date | null): string | null {
  return date === null ? null : `${date.toISOString().slice(0, 16)}Z (${relative(date.toISOString())})`;
}

function madeBy(maker: string | null, installation: string | null): string {
  if (maker === null) return 'its name is none that Keyturn gives';
  if (maker === installation) return 'its name says that this installation of Keyturn made it';
  return installation === null ? `its name says that Keyturn made it, installation ${maker}` : `its name says that another installation of Keyturn made it (${maker})`;
}

export interface Around {
  readonly beside: Beside;
  readonly signed: boolean;
  readonly dataDir: string;
}

/** One line a key on standard output; what follows from it on standard error. */
export function printDirect(cli: Cli, done: readonly Revoked[], around: Around): void {
  if (cli.json) cli.out.json(done.map(asJson));
  else for (const one of done) cli.out.line(cli.out.interactive ? clean(sentenceOf(one)) : [one.record.issuer, one.record.keyId, one.record.name, one.record.outcome ?? '', one.kept.path ?? '-'].map(clean).join('\t'));
  for (const one of done) for (const text of followUp(one, around)) cli.out.note(clean(text));
  for (const { kept } of done) if (kept.path === null) cli.out.note(kept.text);
}

function asJson({ record, killed, kept }: Revoked): object {
  const { issuer, keyId, name, prefix, credential, outcome, askedAt, revokedAt } = record;
  return { issuer, keyId, name, prefix, credential, outcome, askedAt, revokedAt, tries: killed.tries, lastError: killed.lastError, record: kept.path };
}

function sentenceOf({ target, killed, record: { keyId, issuer, name, revokedAt } }: Revoked): string {
  const key = `Key ${keyId}${name === '' ? '' : ` (${name})`} of ${issuer}`;
  if (killed.outcome === 'unconfirmed') return `${key} is NOT known to be dead after ${killed.tries} tries: ${killed.lastError ?? 'there was no answer.'}`;
  if (killed.outcome === 'revoked') return `${key} is revoked: ${issuer} says so, at ${revokedAt}.${killed.lostAnswer ? ' An answer was lost before.' : ''}`;
  if (target.key === null) return `${issuer} knows no key ${keyId}: it is gone, or the id is mistyped. Look at the issuer's own list.`;
  if (!target.key.live) return `${key} was dead already: ${issuer} lists it as revoked.`;
  return `${key} is dead: ${issuer} says that it is gone. A moment ago it was alive: an answer was lost, or somebody else revoked it too.`;
}

function followUp({ record, kept }: Revoked, { beside, signed, dataDir }: Around): readonly string[] {
  const alive = saysDead(record) ? [] : ['Revoke it in the issuer\'s dashboard now, or run this command again; it goes on where it stopped.'];
  const trouble = kept.trouble === '' ? [] : [`The record could not be written where it was meant to be: ${kept.trouble}.`];
  if (kept.path === null) return [...alive, ...trouble, 'Keep the record that follows in a file, and bring it to the worker: `keyturn break-glass import <file>`.'];
  const worker = beside.answers ? 'The worker' : `A worker with the data directory ${dataDir}`;
  const road = kept.found ? `Record: ${kept.path}. ${worker} ${signed ? workerDoes(record, kept.path) : 'finds it'}.` : `Record: ${kept.path}. Bring it to the worker: \`keyturn break-glass import ${kept.path}\`.`;
  return [...alive, ...trouble, road, ...(signed ? [] : ['It is not signed, since the root key could not be read: `keyturn break-glass import` takes it in, and asks whether you vouch for it.'])];
}

/** With a signed record that it finds. */
function workerDoes(record: BreakGlassRecord, path: string): string {
  if (saysDead(record)) return 'takes it in by itself, once the issuer says that the key is dead, and replaces the key';
  if (record.outcome === 'stopped') return 'does not go on with it, since you stopped it; it takes the record in once the issuer says that the key is dead';
  return `goes on with it as an emergency, and replaces the key. If the key is to live after all, remove ${path} first`;
}

/**
 * Every open state, on every path where it occurs, and the points within a state that differ by what the outside has seen.
 * The recorder brings a credential there and lets the worker die; a state or path that is missing here fails a test.
 */
import { KeyturnError } from '../../src/core/errors.ts';
import { Secret } from '../../src/core/secret.ts';
import type { Path, RotationState } from '../../src/core/vocabulary.ts';
import type { Change } from '../../src/ports/ledger.ts';
import type { Issuer } from '../../src/ports/issuer.ts';
import type { Call, Death, Lies } from './crash.ts';

export interface HistoryCase {
  /** Name of the credential too. */
  readonly name: string;
  readonly path: Path;
  readonly state: RotationState;
  /** Null: it is not dead, it rests there. */
  readonly death: Death | null;
  readonly lies?: Lies;
  /** How today's code must end it. */
  readonly ends: 'done' | 'aborted' | 'rolled_back';
}

const PATH_WORD: Readonly<Record<Path, string>> = { displace: 'scheduled', replace: 'replaced', emergency: 'leaked' };

const change = (call: Call): Change => (call.port === 'ledger.commit' ? (call.args[2] as Change) : {});
const attemptOf = (call: Call): { outcome?: unknown } => change(call).notes?.['attempt'] ?? {};
const entered = (state: RotationState): Death => ({ when: 'after', at: (call) => change(call).to === state });
const before = (port: string, nth = 1): Death => ({ when: 'before', at: (call) => call.port === port && call.nth === nth });
const after = (port: string, nth = 1): Death => ({ when: 'after', at: (call) => call.port === port && call.nth === nth });
const written = (outcome: string): Death => ({ when: 'after', at: (call) => attemptOf(call).outcome === outcome });

const lying = (issuer: Partial<Issuer> | ((real: Issuer) => Partial<Issuer>)): Lies => (plugins) => {
  const lies = typeof issuer === 'function' ? issuer(plugins.issuer) : issuer;
  return { ...plugins, issuer: new Proxy(plugins.issuer, { get: (real, name) => bound(lies, name) ?? bound(real, name) }) };
};
function bound(target: object, name: PropertyKey): unknown {
  const member: unknown = Reflect.get(target, name, target);
  return typeof member === 'function' ? (member as (...args: unknown[]) => unknown).bind(target) : member;
}

const unavailable = (what: string): KeyturnError => new KeyturnError('ISSUER_UNAVAILABLE', `The issuer did not answer ${what}.`);
const noRoom = lying((real) => ({ inspect: async (signal) => ({ ...(await real.inspect(signal)), problems: ['The account is suspended. Talk to its owner.'] }) }));
const noRevoke = lying({ revoke: async () => { throw unavailable('the revoke'); } });
const refusesCreate = lying({ create: async () => { throw new KeyturnError('ISSUER_DENIED', 'The issuer refuses the admin key.', { effect: 'none' }); } });
const losesAnswer = lying((real) => ({ create: async (request, signal) => { await real.create(request, signal); throw unavailable('the create'); } }));
const losesRequest = lying({ create: async () => { throw unavailable('the create'); } });
const wrongScopes = lying((real) => ({ list: async (signal) => (await real.list(signal)).map((key) => (key.name.includes('-kt-') ? { ...key, scopes: ['memory:read'] } : key)) }));
const RED = { ok: false, detail: 'answers 503', tookMs: 1 };
const redApplication: Lies = (plugins) => ({ ...plugins, applicationChecks: [{ name: 'health', type: 'http', probe: async () => RED, run: async () => RED }] });
const lostValue = lying((real) => ({ create: async (request, signal) => ({ ...(await real.create(request, signal)), value: new Secret('a-value-that-is-not-the-one-of-the-key') }) }));

type Given = Omit<HistoryCase, 'name' | 'path' | 'ends'> & { readonly point?: string; readonly ends?: HistoryCase['ends'] };

function on(path: Path, ...cases: readonly Given[]): readonly HistoryCase[] {
  return cases.map(({ point, ends = 'done', ...rest }) => ({ ...rest, path, ends, name: [PATH_WORD[path], rest.state.replaceAll('_', '-'), ...(point === undefined ? [] : [point])].join('-') }));
}

/** Between the intent and the answer. */
const MINTING: readonly Given[] = [
  { state: 'creating', point: 'intent', death: entered('creating') },
  { state: 'creating', point: 'unsent', death: before('issuer.create') },
  { state: 'creating', point: 'lost', death: after('issuer.create') },
  { state: 'creating', point: 'staged', death: after('store.stage') },
  { state: 'creating', point: 'minted', death: written('minted') },
];
const SERVING: readonly Given[] = [
  { state: 'staged', death: entered('staged') },
  { state: 'verified', death: entered('verified') },
  { state: 'promoting', death: entered('promoting') },
  { state: 'promoting', point: 'half', death: before('store.promote', 2) },
  { state: 'promoting', point: 'unwritten', death: after('store.promote', 2) },
  { state: 'confirmed', death: entered('confirmed') },
  { state: 'confirmed', point: 'reloaded', death: { when: 'after', at: (call) => (change(call).notes?.['hooksRun'] as unknown[] | undefined)?.includes('promoted') === true } },
];

export const CASES: readonly HistoryCase[] = [
  ...on('displace',
    { state: 'requested', death: before('ledger.lease') },
    { state: 'preflight', death: entered('preflight') },
    { state: 'blocked', death: null, lies: noRoom },
    ...MINTING,
    { state: 'creating', point: 'no-answer', death: written('lost'), lies: losesAnswer },
    { state: 'creating', point: 'no-request', death: written('lost'), lies: losesRequest },
    ...SERVING,
    { state: 'draining', death: entered('draining') },
    { state: 'revoking', death: entered('revoking') },
    { state: 'revoking', point: 'owing', death: null, lies: noRevoke },
    { state: 'revoking', point: 'unsettled', death: after('issuer.revoke') },
    { state: 'aborting', death: entered('aborting'), lies: wrongScopes, ends: 'aborted' },
    { state: 'aborting', point: 'discarded', death: { when: 'before', at: (call) => call.port === 'issuer.revoke' }, lies: wrongScopes, ends: 'aborted' },
    { state: 'aborting', point: 'unproved', death: entered('aborting'), lies: (plugins) => lostValue(wrongScopes(plugins)), ends: 'aborted' },
    { state: 'rolling_back', death: entered('rolling_back'), lies: redApplication, ends: 'rolled_back' },
    { state: 'rolling_back', point: 'half', death: before('store.promote', 4), lies: redApplication, ends: 'rolled_back' },
    { state: 'rolling_back', point: 'condemned', death: before('issuer.revoke'), lies: redApplication, ends: 'rolled_back' },
  ),
  ...on('replace',
    { state: 'requested', death: before('ledger.lease') },
    { state: 'preflight', death: entered('preflight') },
    { state: 'blocked', death: null, lies: noRoom },
    { state: 'blocked', point: 'without-key', death: null, lies: refusesCreate },
    { state: 'revoking', death: entered('revoking') },
    { state: 'revoking', point: 'owing', death: null, lies: noRevoke },
    ...MINTING.filter(({ point }) => point === 'intent' || point === 'lost'),
    ...SERVING.filter(({ point }) => point === undefined),
  ),
  ...on('emergency',
    { state: 'requested', death: before('ledger.lease') },
    { state: 'revoking', death: entered('revoking') },
    { state: 'revoking', point: 'owing', death: null, lies: noRevoke },
    { state: 'blocked', death: null, lies: refusesCreate },
    ...MINTING.filter(({ point }) => point !== 'minted'),
    ...SERVING.filter(({ point }) => point === undefined || point === 'half'),
    { state: 'reporting', death: entered('reporting') },
  ),
];

/** States that the table seems to allow on a path, and that a row above, or what is gathered, keeps from happening. */
export const UNREACHABLE: readonly { readonly state: RotationState; readonly path: Path; readonly because: string }[] = [
  { state: 'preflight', path: 'emergency', because: 'an emergency goes straight to revoking; once blocked it asks no more whether the old key lives' },
  { state: 'draining', path: 'replace', because: 'confirmed/nothing_to_drain comes first: the old key is dead' },
  { state: 'draining', path: 'emergency', because: 'confirmed/recovered comes first' },
  { state: 'reporting', path: 'replace', because: 'only an emergency reports' },
  { state: 'aborting', path: 'replace', because: 'rows of the forward-only paths come first: there is no old key to keep' },
  { state: 'aborting', path: 'emergency', because: 'rows of the forward-only paths come first: there is no old key to keep' },
  { state: 'rolling_back', path: 'replace', because: 'the way back is open only while the old key lives' },
  { state: 'rolling_back', path: 'emergency', because: 'the way back is open only while the old key lives' },
];

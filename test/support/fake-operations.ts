/** A worker's operations without a worker: keeps what it is told in memory and remembers every call with its actor. */
import type * as O from '../../src/app/operations.ts';
import type { LeaksView } from '../../src/app/leak-views.ts';
import { KeyturnError } from '../../src/core/errors.ts';
import type { Actor } from '../../src/core/vocabulary.ts';
import { fakeAlerts, type FakeAlertAnswers } from './fake-alerts.ts';
import { fakeDrills, type DrillAnswers } from './fake-drills.ts';
import { fakeIncidents } from './fake-incidents.ts';
import { BREAKER, fakeResponses, type FakeResponseAnswers } from './fake-responses.ts';

export interface Call {
  readonly operation: string;
  readonly given: unknown;
  readonly actor: Actor | null;
}

export interface FakeWorker {
  readonly operations: O.Operations;
  readonly health: O.Health;
  readonly calls: readonly Call[];
  /** What the next call of this operation throws. */
  failNext(operation: keyof O.Operations, error: unknown): void;
  /** Moves a rotation on, as an engine would. */
  step(id: string, to: string, reason: string, message: string): void;
  /** Changes why a rotation waits, without a transition. */
  waits(id: string, reason: string, message: string, wakeAt: string): void;
  /** Replaces parts of the answers. */
  answers: Partial<FakeAnswers>;
}

export interface FakeAnswers extends FakeAlertAnswers, FakeResponseAnswers {
  /** Whose key each id is. */
  keysById: Readonly<Record<string, string>>;
  owned: readonly O.OwnedRevocation[];
  revocation: readonly O.RevocationPlan[];
  /** Parts of every rotation that is requested from then on. */
  rotation: Partial<O.RotationDetail>;
  status: Partial<O.StatusView>;
  plan: readonly O.PlanEntry[];
  keys: readonly O.KeyView[];
  usage: O.UsageView;
  audit: readonly O.AuditView[];
  verifyAudit: Awaited<ReturnType<O.Operations['verifyAudit']>>;
  leaks: LeaksView;
  drills: DrillAnswers;
  doctor: readonly O.Finding[];
  settled: readonly O.SettledFinding[];
  publish: readonly O.PublishResult[];
  taken: O.BreakGlassTaken;
  reload: Awaited<ReturnType<O.Operations['reload']>>;
  ready: Awaited<ReturnType<O.Health['ready']>>;
}

const OLD: O.KeyName = { issuerKeyId: 'key_1', name: 'prod-api-server-2026-10-a1', prefix: 'hm_live_' };
const NEW: O.KeyName = { issuerKeyId: 'key_2', name: 'prod-api-server-2026-11-b2', prefix: 'hm_live_' };

const ago = (ms: number): string => new Date(Date.now() - ms).toISOString();
const DAY = 86_400_000;

export function usageView(credential: string, parts: Partial<O.UsageView> = {}): O.UsageView {
  const key: O.KeyUsageView = {
    ...NEW, state: 'current', source: 'audit', lastUsedAt: ago(60_000), today: { requests: 1_284, failed: 3, denied: 0 }, span: { requests: 2_310, failed: 6, denied: 0 },
    mostAddresses: 2, cells: [0, 0, 4, 9, 20, 31, 12, 3],
  };
  return { credential, from: ago(DAY), until: ago(0), cellMs: 3 * 3_600_000, keys: [key], callers: [], scopes: [], sources: [], ...parts };
}

function revocationPlan(credential: string, after: string): O.RevocationPlan {
  return { credential, issuer: 'hypermemory', owner: 'platform', declared: true, keys: [{ ...OLD, state: 'current', fate: 'revoked' }], places: ['aws'], openRotation: null, after };
}

export function credentialStatus(credential: string, parts: Partial<O.CredentialStatus> = {}): O.CredentialStatus {
  return {
    credential, issuer: 'hypermemory', owner: 'platform', policy: 'monthly', currentKey: OLD, keyAgeMs: 12 * DAY,
    dueAt: new Date(Date.now() + 18 * DAY).toISOString(), lastRotatedAt: ago(12 * DAY), openRotation: null, openDebts: 0,
    paused: false, health: 'ok', retired: null, ...parts,
  };
}

export function rotationSummary(id: string, parts: Partial<O.RotationSummary> = {}): O.RotationSummary {
  return {
    id, credential: 'prod-api-server', issuer: 'hypermemory', kind: 'manual', path: 'displace', state: 'requested', reason: 'requested',
    message: 'Asked for.', requestedBy: 'cli:test@host', why: '', oldKey: OLD, newKey: null, createdAt: ago(0), stateSince: ago(0),
    wakeAt: null, finishedAt: null, todo: [], ...parts,
  };
}

export function keyView(parts: Partial<O.KeyView> = {}): O.KeyView {
  return {
    credential: 'prod-api-server', issuer: 'hypermemory', issuerKeyId: OLD.issuerKeyId, name: OLD.name, prefix: OLD.prefix,
    scopes: ['memory:read', 'memory:write'], createdAt: ago(12 * DAY), lastUsedAt: ago(4_000), requestsToday: 12_345, errorRate: 0.001, state: 'current', issuerAnswered: true, ...parts,
  };
}

const FIGURES: O.StatusView['figures'] = {
  rotationsByState: { done: 3 }, keysByState: { current: 2, revoked: 3 }, openDebts: 0, oldestDebtAgeMs: null,
  deliveriesWaiting: 0, deliveriesStuck: 0, oldestDeliveryAgeMs: null, unsealedAudit: 0,
};

const summary = ({ history: _history, debts: _debts, attempts: _attempts, watches: _watches, evidence: _evidence, abortAsked: _abortAsked, ...rest }: O.RotationDetail): O.RotationSummary => rest;

export function fakeWorker(credentials: readonly O.CredentialStatus[] = [credentialStatus('prod-api-server'), credentialStatus('ci-testing', { owner: 'ci' })]): FakeWorker {
  const calls: Call[] = [];
  const failures = new Map<string, unknown>();
  const rotations = new Map<string, O.RotationDetail>();
  const answers: Partial<FakeAnswers> = {};

  const called = (operation: keyof O.Operations, given: unknown, actor: Actor | null): void => {
    calls.push({ operation, given, actor });
    if (!failures.has(operation)) return;
    const error = failures.get(operation);
    failures.delete(operation);
    throw error;
  };
  const known = (name: string): O.CredentialStatus => {
    const found = credentials.find((row) => row.credential === name);
    if (found === undefined) throw new KeyturnError('UNKNOWN_CREDENTIAL', `No credential "${name}" is declared.`, { todo: '`keyturn status` lists them.', effect: 'none' });
    return found;
  };
  const detail = (id: string): O.RotationDetail => {
    const found = [...rotations.values()].filter((rotation) => rotation.id.startsWith(id));
    if (found.length !== 1 || found[0] === undefined) throw new KeyturnError('UNKNOWN_NAME', `No rotation ${id} exists.`, { effect: 'none' });
    return found[0];
  };
  const open = (credential: string, kind: string, actor: Actor): O.RequestedRotation => {
    const existing = [...rotations.values()].find((rotation) => rotation.credential === credential && rotation.finishedAt === null);
    if (existing !== undefined) return { rotation: summary(existing), created: false };
    const id = `01JT${String(rotations.size + 1).padStart(4, '0')}${credential.toUpperCase().replaceAll(/[^A-Z]/g, '')}`;
    rotations.set(id, { ...rotationSummary(id, { credential, kind, requestedBy: actor.who, why: actor.why, oldKey: known(credential).currentKey }), history: [], debts: [], attempts: [], watches: [], evidence: {}, abortAsked: null, ...answers.rotation });
    return { rotation: summary(detail(id)), created: true };
  };

  const operations: O.Operations = {
    status: async () => {
      called('status', {}, null);
      return {
        version: '0.1.0', worker: 'w-1', runtime: { ledger: 'pglite', queue: 'embedded' }, installation: 'kt-test', startedAt: ago(3 * 3_600_000),
        credentials, debts: [], pauses: [], stuckDeliveries: [], channels: [], alerts: { firing: 0, critical: 0 }, troubles: [], responses: answers.breaker ?? BREAKER, lanes: [], figures: FIGURES, warnings: [], ...answers.status,
      };
    },
    plan: async (credential) => {
      called('plan', { credential }, null);
      return answers.plan ?? [{ credential: 'prod-api-server', action: 'rotate', at: ago(-18 * DAY), what: 'It becomes due by its cron.', steps: ['create a key', 'publish it', 'revoke the old key'], blockedBy: [] }];
    },
    usage: async (request) => { called('usage', request, null); return answers.usage ?? usageView(request.credential); },
    keys: async (filter) => { called('keys', filter, null); return answers.keys ?? [keyView()]; },
    rotations: async (filter) => {
      called('rotations', filter, null);
      return [...rotations.values()].map(summary).filter((row) => filter.open !== true || row.finishedAt === null).slice(0, filter.limit);
    },
    rotation: async (id) => { called('rotation', { id }, null); return detail(id); },
    audit: async (filter) => { called('audit', filter, null); return (answers.audit ?? []).slice(0, filter.limit); },
    verifyAudit: async (anchors = []) => { called('verifyAudit', { anchors }, null); return answers.verifyAudit ?? { ok: true, events: 12, sealed: 12, head: 'ab12', firstBad: null }; },
    leaks: async (filter) => { called('leaks', filter, null); return answers.leaks ?? { leaks: [], sources: [] }; },
    doctor: async () => { called('doctor', {}, null); return answers.doctor ?? [{ subject: 'issuer', name: 'hypermemory', level: 'ok', message: 'Answers, and the admin key may list.' }]; },
    rotate: async (request, actor) => {
      called('rotate', request, actor);
      const names = request.credentials ?? credentials.filter((row) => row.owner === request.owner).map((row) => row.credential);
      names.forEach(known);
      return names.map((name) => open(name, 'manual', actor));
    },
    revoke: async (what, actor, options = {}) => {
      called('revoke', { what, ...options }, actor);
      if (answers.keysById?.[what] === undefined) known(what);
      return open(answers.keysById?.[what] ?? what, 'emergency', actor);
    },
    revokeOwned: async (owner, replace, actor) => {
      called('revokeOwned', { owner, replace }, actor);
      return answers.owned ?? credentials.filter((row) => row.owner === owner).map(({ credential }) => ({ credential, requested: open(credential, 'emergency', actor), nothing: false, problem: null }));
    },
    revocationPlan: async (question) => {
      called('revocationPlan', question, null);
      const names = question.owner === undefined ? [answers.keysById?.[question.what ?? ''] ?? question.what ?? ''] : credentials.filter((row) => row.owner === question.owner).map((row) => row.credential);
      names.forEach(known);
      return answers.revocation ?? names.map((name) => revocationPlan(name, question.replace === false ? 'Nothing is created.' : 'A new key is created and published to aws; applications fail until then, usually seconds.'));
    },
    adopt: async (request, actor) => { called('adopt', request, actor); known(request.credential); return keyView({ credential: request.credential }); },
    pause: async (request, actor) => { called('pause', request, actor); },
    resume: async (request, actor) => { called('resume', request, actor); return { wasPaused: true }; },
    abortRotation: async (id, actor) => { called('abortRotation', { id }, actor); return { rotation: summary(detail(id)), already: false, next: ['The new key is revoked.'] }; },
    resumeRotation: async (id, actor) => { called('resumeRotation', { id }, actor); return { rotation: summary(detail(id)), already: false, next: ['It looks again now.'] }; },
    publish: async (credential, actor) => { called('publish', { credential }, actor); return answers.publish ?? [{ place: 'env', outcome: 'published', detail: 'It was empty.' }]; },
    settle: async (ids, actor) => { called('settle', { ids }, actor); return ids.map((id) => answers.settled?.find((one) => one.id === id) ?? { id, outcome: 'settled', detail: 'it is revoked' }); },
    takeRecord: async (request, actor) => { called('takeRecord', request, actor); return answers.taken ?? { id: '01', issuer: 'hypermemory', keyId: 'key_1', outcome: 'taken', detail: 'the key is dead', credential: 'prod-api-server', rotationId: null }; },
    retryDeliveries: async (channel, actor) => { called('retryDeliveries', { channel }, actor); return { retried: 2 }; },
    ...fakeAlerts(called, answers),
    ...fakeIncidents(called),
    ...fakeDrills(called, known, () => answers.drills ?? {}),
    ...fakeResponses(called, answers),
    reload: async (actor) => { called('reload', {}, actor); return answers.reload ?? { applied: true, problems: [] }; },
  };

  return {
    operations, calls, answers,
    health: {
      live: () => true,
      ready: async () => answers.ready ?? { ready: true, reasons: [] },
      metrics: async () => '# TYPE keyturn_open_debts gauge\nkeyturn_open_debts 0\n',
    },
    failNext: (operation, error) => { failures.set(operation, error); },
    step: (id, to, reason, message) => {
      const before = detail(id);
      const ended = ['done', 'aborted', 'rolled_back'].includes(to);
      const seq = before.history.length + 1;
      const event: O.TransitionView = { seq, at: new Date().toISOString(), from: before.state, to, reason, message, epoch: 1, worker: 'w-1' };
      rotations.set(before.id, {
        ...before, state: to, reason, message, newKey: to === 'requested' || to === 'preflight' ? null : NEW,
        stateSince: event.at, finishedAt: ended ? event.at : null, history: [...before.history, event],
      });
    },
    waits: (id, reason, message, wakeAt) => { const before = detail(id); rotations.set(before.id, { ...before, reason, message, wakeAt }); },
  };
}

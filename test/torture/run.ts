/** Runs one scenario from its start to rest, and says which promises it broke. Deterministic: the same scenario gives the same run. */
import { hours, minutes } from '../../src/core/duration.ts';
import type { CredentialPlan } from '../../src/core/plan.ts';
import { describeError } from '../../src/core/errors.ts';
import { fingerprinter, Secret, type Fingerprint, type Fingerprinter } from '../../src/core/secret.ts';
import type { Channel } from '../../src/ports/channel.ts';
import type { LeakLedger } from '../../src/ports/leak-ledger.ts';
import type { Ledger } from '../../src/ports/ledger.ts';
import type { Log } from '../../src/ports/log.ts';
import type { Plugins } from '../../src/rotation/engine.ts';
import { bind } from '../../src/rotation/bind.ts';
import { requestEmergency } from '../../src/rotation/emergency.ts';
import { requestRotation } from '../../src/rotation/request.ts';
import { isLiving } from '../../src/core/revocation.ts';
import { FaultPlan } from './faults/plan.ts';
import type { Line } from './faults/call.ts';
import { unreliableCheck, unreliableHook, unreliableIssuer, unreliableLedger, unreliableStore } from './faults/ports.ts';
import { Judge, type Broken } from './judge.ts';
import { credentialName, peoplesKey, planOf, SCOPES } from './plans.ts';
import { Reporter } from './reports.ts';
import type { CrashSpec, CredentialSpec, Leak, Meddling, Scenario, Wish, StepSpec } from './scenario.ts';
import { SharedQueue } from './sim/lanes.ts';
import { Process } from './sim/process.ts';
import { Simulation, type Interruption } from './sim/simulation.ts';
import { INTERVALS, startWorker, type SimulatedWorker } from './sim/worker.ts';
import { issuerPort } from './world/issuer.ts';
import { storePort } from './world/store.ts';
import { makeWorld, type World } from './world/world.ts';

/** A ledger for one run, on the run's own time. */
export interface LedgerUnderTest {
  readonly ledger: Ledger;
  readonly leaks: LeakLedger;
  /** What opening an embedded ledger does: whoever held a lease is dead. */
  freeLeases(): Promise<void>;
  /** Everything that it holds, as text. */
  dump(): Promise<string>;
  close(): Promise<void>;
}

export type OpenLedger = (now: () => number) => Promise<LedgerUnderTest>;

export interface Outcome {
  readonly broken: readonly Broken[];
  /** Of the run: rotations that ended, crashes that happened, and so on. */
  readonly counts: Readonly<Record<string, number>>;
  /** What was decided, `state/reason`, and how often. */
  readonly decisions: ReadonlyMap<string, number>;
  /** Every step that counted, by name: where a crash could be put. */
  readonly steps: readonly string[];
  readonly log: readonly string[];
}

const START = Date.parse('2026-11-02T00:00:00Z');
/** Longer than names are watched, with time to act on what turns up. */
const REST_WITHIN_MS = hours(40);
const LOOK_MS = minutes(10);
const ROOT_KEY = new Secret('root-key-of-the-simulation-0123456789');
/** Keys that others make meanwhile, and take back before things must come to rest: they may fill the last slot. */
const STRANGER = 'bystander-late-';
const SECRET_VALUE = /hm_live_\d{8}_value/;
const nthCall = ({ call, nth }: Exclude<StepSpec, number>): string => `${call}#${nth}`;

const ACTOR = { who: 'simulation', why: 'a person asks' };
const ASKED_AGAIN_MS = 60_000;

export async function run(scenario: Scenario, open: OpenLedger): Promise<Outcome> {
  return await new Run(scenario).play(open);
}

/** The same few values are read again and again. */
function remembering(fingerprint: Fingerprinter): Fingerprinter {
  const known = new Map<string, Fingerprint>();
  return (value) => {
    const print = known.get(value.reveal()) ?? fingerprint(value);
    known.set(value.reveal(), print);
    return print;
  };
}

class Run {
  readonly #scenario: Scenario;
  readonly #sim: Simulation;
  readonly #world: World;
  readonly #judge: Judge;
  readonly #faults: FaultPlan;
  readonly #queue: SharedQueue;
  readonly #reporter: Reporter;
  readonly #crashes: ReadonlyMap<number | string, CrashSpec>;
  readonly #calls = new Map<string, number>();
  readonly #steps: string[] = [];
  readonly #log: string[] = [];
  readonly #decisions = new Map<string, number>();
  readonly #counts = new Map<string, number>();
  readonly #workers: (SimulatedWorker | null)[] = [];
  #born = 0;
  #promotions = 0;
  #quiet = false;
  #under: LedgerUnderTest | null = null;
  readonly #fingerprint = remembering(fingerprinter(ROOT_KEY));

  constructor(scenario: Scenario) {
    this.#scenario = scenario;
    this.#crashes = new Map(scenario.crashes.map((crash) => [typeof crash.step === 'number' ? crash.step : nthCall(crash.step), crash]));
    this.#sim = new Simulation(scenario.seed, START, (n, process, name) => this.#interrupt(n, process, name));
    this.#world = makeWorld(scenario, this.#sim);
    this.#judge = new Judge(scenario, this.#world);
    this.#faults = new FaultPlan(scenario, this.#sim.random, () => this.#sim.now - START);
    this.#queue = new SharedQueue(this.#sim, scenario.queue, this.#faults);
    this.#reporter = new Reporter({
      sim: this.#sim, world: this.#world, ledger: () => this.#ledger, worker: () => this.#someone(), ownerOf: (key) => this.#judge.ownerOf(key), count: (what) => this.#count(what), say: (text) => this.#say(text),
    });
  }

  async play(open: OpenLedger): Promise<Outcome> {
    this.#under = await open(() => this.#sim.now);
    try {
      await this.#ledger.declare([JSON.stringify(this.#plans(true))]);
      for (let n = 0; n < this.#scenario.workers; n += 1) this.#start(n);
      for (const [job, ms] of [['due-sweep', INTERVALS.sweepMs], ['revoke-debts', INTERVALS.debtsMs], ['inventory', INTERVALS.inventoryMs], ['deliver', INTERVALS.deliverMs], ['seal-audit', INTERVALS.sealMs]] as const) this.#queue.every(job, ms);
      this.#scenario.credentials.forEach((spec, n) => this.#application(spec, n));
      for (const wish of this.#scenario.wishes) this.#sim.at(START + wish.at, () => this.#grant(wish));
      await this.#sim.run(START + this.#scenario.horizonMs, () => false);
      await this.#calm();
      await this.#rest();
      await this.#looseEnds();
    } finally {
      await this.#under.close();
    }
    return { broken: this.#judge.broken, counts: { ...Object.fromEntries(this.#counts), faults: this.#faults.happened, documentedGaps: this.#judge.documentedGaps }, decisions: this.#decisions, steps: this.#steps, log: this.#log };
  }

  get #ledger(): Ledger {
    return this.#opened.ledger;
  }

  get #opened(): LedgerUnderTest {
    if (this.#under === null) throw new Error('the ledger is not open');
    return this.#under;
  }

  /** A worker that takes calls now. */
  #someone(): SimulatedWorker | null {
    return this.#workers.find((one) => one !== null && one.process.alive && !one.process.frozen) ?? null;
  }

  #plans(scheduled: boolean): { plan: CredentialPlan; revision: string }[] {
    return this.#scenario.credentials.map((_spec, n) => ({ plan: planOf(this.#scenario, n, scheduled), revision: scheduled ? 'scheduled' : 'by hand' }));
  }

  #count(what: string): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + 1);
  }

  /** Deaths and sleeps, where the scenario wants them; none once faults have ended. */
  #interrupt(n: number, process: Process, name: string): Interruption | null {
    this.#steps.push(name);
    const nth = this.#calls.get(name) ?? 0;
    this.#calls.set(name, nth + 1);
    const crash = this.#quiet ? undefined : (this.#crashes.get(n) ?? this.#crashes.get(nthCall({ call: name, nth })));
    if (crash === undefined) return null;
    this.#count(crash.does === 'kill' ? 'kills' : 'freezes');
    this.#say(`${process.name} ${crash.does === 'kill' ? 'dies' : 'sleeps'} ${crash.side} ${name} for ${crash.ms} ms`);
    if (crash.does === 'freeze') return { does: 'freeze', side: crash.side, ms: crash.ms };
    this.#replace(process, crash.ms);
    return { does: 'kill', side: crash.side };
  }

  #replace(process: Process, afterMs: number): void {
    const n = this.#workers.findIndex((worker) => worker?.process === process);
    if (n === -1) return;
    this.#workers[n] = null;
    this.#sim.at(this.#sim.now + afterMs, () => this.#restart(n));
  }

  async #restart(n: number): Promise<void> {
    if (this.#workers[n] !== null) return;
    if (this.#scenario.runtime === 'embedded') await this.#under?.freeLeases();
    this.#start(n);
  }

  #start(n: number): void {
    const process = new Process(this.#sim, `w${n}.${(this.#born += 1)}`, this.#scenario.paces[n] ?? 1);
    const line: Line = { sim: this.#sim, process, faults: this.#faults };
    this.#workers[n] = startWorker({
      process, queue: this.#queue, fingerprint: this.#fingerprint, ledger: this.#observed(unreliableLedger(line, this.#ledger, 'ledger')), leaks: unreliableLedger(line, this.#opened.leaks, 'leaks'),
      plugins: this.#plugins(line), channel: this.#channel(line), log: this.#logger(process),
    });
    this.#say(`${process.name} starts`);
  }

  /** Notes what is decided, as the ledger is told. */
  #observed(ledger: Ledger): Ledger {
    return {
      ...ledger,
      commit: (lease, state, change) => {
        if (change.reason !== undefined) {
          const decision = `${state}/${change.reason}`;
          this.#decisions.set(decision, (this.#decisions.get(decision) ?? 0) + 1);
          this.#say(`${lease.worker} ${lease.rotation.credential} ${decision}${change.to === undefined ? '' : ` → ${change.to}`}: ${change.message ?? ''}`);
          if (change.to !== undefined) this.#count(change.to);
        }
        return ledger.commit(lease, state, change);
      },
    };
  }

  #plugins(line: Line): (plan: CredentialPlan) => Plugins {
    const issuer = unreliableIssuer(line, issuerPort('hm', this.#world.issuer, this.#scenario.issuer), this.#world.issuer);
    const staleFor = (): number => {
      const nth = this.#promotions++;
      return this.#quiet ? 0 : (this.#scenario.stale.find((one) => one.nth === nth)?.ms ?? 0);
    };
    const byCredential = new Map<string, Plugins>();
    return (plan) => {
      const known = byCredential.get(plan.credential);
      if (known !== undefined) return known;
      const truths = this.#world.placesOf(plan.credential);
      const [first] = truths;
      const made: Plugins = {
        issuer,
        places: truths.map((truth, n) => ({ id: truth.id, ofRecord: n === 0, store: unreliableStore(line, storePort(truth), truth, staleFor) })),
        keyChecks: [{ name: 'issuer', type: 'model', run: async (_subject, value, signal) => {
          const { works, reason } = await issuer.probe(value, signal);
          return { ok: works, detail: reason, tookMs: 1 };
        } }],
        applicationChecks: first === undefined ? [] : plan.checks.map(({ name }) => unreliableCheck(line, name, first, this.#world.issuer)),
        hooks: plan.hooks.map(({ name }) => unreliableHook(line, name, () => undefined)),
      };
      byCredential.set(plan.credential, made);
      return made;
    };
  }

  #channel(line: Line): Channel {
    return {
      name: 'ops', type: 'model', capabilities: { reconcile: false },
      send: (message) => this.#sim.step(line.process, 'channel.send', 20, () => {
        this.#leak('a notice', JSON.stringify(message.notice));
        this.#world.trail.add({ what: 'told', kind: message.notice.kind, credential: message.notice.credential });
        return 'receipt';
      }),
      probe: async () => undefined,
    };
  }

  #logger(process: Process): Log {
    const line = (level: string) => (fields: Readonly<Record<string, unknown>>, message: string): void => {
      const { err, ...rest } = fields;
      this.#leak('a log line', `${JSON.stringify(rest)} ${err === undefined ? '' : describeError(err)} ${message}`);
      if (level === 'error') this.#say(`${process.name} ERROR ${message}: ${describeError(err)}`);
      if (level === 'warn') this.#say(`${process.name} warns: ${message} ${JSON.stringify(rest)}`);
    };
    const log: Log = { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error'), child: () => log };
    return log;
  }

  #say(text: string): void {
    this.#log.push(`${((this.#sim.now - START) / 1000).toFixed(3).padStart(12)} s  #${this.#sim.steps}  ${text}`);
  }

  #leak(where: string, text: string): void {
    if (SECRET_VALUE.test(text)) this.#judge.broken.push({ promise: 5, at: this.#sim.now, what: `${where} holds a key's value: ${text.slice(0, 200)}` });
  }

  /** Calls the issuer with what it read, for as long as the run lasts. */
  #application(spec: CredentialSpec, n: number): void {
    const credential = credentialName(n);
    const places = this.#world.placesOf(credential);
    let held: { value: Secret; readAt: number } | null = null;
    const use = (): void => {
      this.#sim.at(this.#sim.now + spec.useMs, use);
      if (held === null || this.#sim.now - held.readAt >= spec.rereadMs) {
        const served = this.#sim.random.pick(places)?.served ?? null;
        held = served === null ? null : { value: served, readAt: this.#sim.now };
      }
      if (held === null) return;
      const { works } = this.#world.issuer.use(held.value, 'application', credential);
      this.#count('uses');
      if (!works) held = null;
    };
    this.#sim.at(this.#sim.now + this.#sim.random.between(1, spec.useMs), use);
  }

  async #grant({ does, of, ms }: Wish): Promise<void> {
    if (this.#quiet) return;
    const n = of % this.#scenario.credentials.length;
    const credential = credentialName(n);
    this.#say(`wish: ${does} ${credential}`);
    switch (does) {
      case 'rotate':
        return await this.#ask(credential);
      case 'emergency':
      case 'leak-newest':
      case 'leak-oldest':
      case 'retire':
      case 'retire-newest':
        return await this.#revoke(credential, does);
      case 'report-newest':
      case 'report-oldest':
      case 'report-dead':
      case 'report-many':
        return await this.#reporter.report(credential, does, ms);
      case 'pause':
        return await this.#ledger.setPause({ scope: 'credential', name: credential, actor: ACTOR });
      case 'resume':
        return void (await this.#ledger.clearPause('credential', credential, ACTOR));
      case 'abort':
      case 'try-again': {
        const open = await this.#ledger.openRotation(credential);
        if (open === null) return;
        await (does === 'abort' ? this.#ledger.askAbort(open.id, ACTOR) : this.#ledger.askResume(open.id, ACTOR));
        return;
      }
      case 'adopt':
        return await this.#adopt(n, credential);
      case 'edit':
        return this.#world.placesOf(credential)[0]?.location.touch();
      case 'flush':
        return this.#queue.flush();
      case 'stranger': {
        const limit = this.#scenario.issuer.limit;
        if (limit === null || this.#world.issuer.live.length < limit) this.#world.issuer.mint({ name: `${STRANGER}${this.#world.issuer.keys.length}`, scopes: SCOPES });
        return;
      }
      case 'remove-key':
      case 'remove-old-key':
      case 'remove-displaced-key':
      case 'overwrite':
      case 'put-back':
      case 'unstage':
      case 'forget-displaced':
        return this.#meddle(does, credential, ms);
      case 'lights-out':
        for (const worker of this.#workers) {
          if (worker === null) continue;
          worker.process.kill();
          this.#replace(worker.process, ms);
        }
    }
  }

  /** People put a key of theirs into the places and have it adopted. */
  async #adopt(n: number, credential: string): Promise<void> {
    const key = this.#world.issuer.mint({ name: peoplesKey(n), scopes: SCOPES });
    for (const place of this.#world.placesOf(credential)) place.edit({ current: key.value });
    const ask = async (): Promise<void> => {
      if ((await this.#ledger.keysOf(credential)).length > 0) return;
      // Who gets no answer, or an error, asks again.
      this.#sim.at(this.#sim.now + ASKED_AGAIN_MS, ask);
      const worker = this.#someone();
      if (worker !== null) void bind(worker.engine, planOf(this.#scenario, n, true), { by: 'name', value: key.name }, ACTOR, new AbortController().signal).catch(() => undefined);
    };
    await ask();
  }

  #meddle(does: Meddling, credential: string, ms: number): void {
    const places = this.#world.placesOf(credential);
    const place = places.at(-1);
    const keys = this.#world.issuer.live.filter((key) => this.#judge.ownerOf(key) === credential).sort((a, b) => a.createdAt - b.createdAt);
    const oldest = keys[0];
    if (place?.served == null || oldest === undefined) return;
    const before = place.served;
    switch (does) {
      case 'remove-key': {
        const served = this.#world.issuer.keyOf(before);
        if (served !== null) this.#world.issuer.remove(served);
        return;
      }
      case 'remove-old-key':
        return this.#world.issuer.remove(oldest);
      case 'remove-displaced-key':
        if (!places.some((one) => one.served?.equals(oldest.value) === true)) this.#world.issuer.remove(oldest);
        return;
      case 'put-back':
        return place.edit({ current: oldest.value });
      case 'unstage':
        return places[0]?.edit({ staged: [] });
      case 'forget-displaced':
        for (const one of places) one.edit({ displaced: [], backup: null, history: null });
        return;
      case 'overwrite': {
        const [foreign] = this.#world.bystanders;
        if (foreign === undefined) return;
        place.edit({ current: foreign.value });
        this.#sim.at(this.#sim.now + ms, () => {
          if (place.served?.equals(foreign.value) === true) place.edit({ current: before });
        });
      }
    }
  }

  /** As the control API does on some worker, at once: accepted is committed. */
  async #ask(credential: string): Promise<void> {
    const worker = this.#someone();
    const record = await this.#ledger.credential(credential);
    if (worker === null || record === null) return;
    // The API binds a key first, and refuses where none can be bound.
    if (record.currentKeyId === null && record.plan.adopt !== null && (await this.#ledger.keysOf(credential)).length === 0) return;
    const { outcome } = await requestRotation({ ...worker.engine, ledger: this.#ledger }, record, 'manual', ACTOR);
    if (outcome === 'created') this.#world.trail.add({ what: 'rotation-asked', credential });
  }

  /** What is asked is told to the judge before it can have begun. */
  async #revoke(credential: string, does: Leak | 'emergency'): Promise<void> {
    const worker = this.#someone();
    const record = await this.#ledger.credential(credential);
    const known = await this.#ledger.keysOf(credential);
    // Without a key the API binds one first, which takes calls of its own.
    if (worker === null || record === null || known.length === 0) return;
    const living = known.filter(isLiving).sort((a, b) => (a.id < b.id ? -1 : 1));
    const key = does === 'leak-oldest' ? living[0] : does === 'leak-newest' || does === 'retire-newest' ? living.at(-1) : null;
    if (key === undefined) return;
    const replace = does !== 'retire' && does !== 'retire-newest';
    this.#world.trail.add({ what: 'emergency-asked', credential, keys: key === null ? null : [key.issuerKeyId], replace });
    this.#count(replace ? 'emergencies' : 'retirements');
    const { outcome } = await requestEmergency({ ...worker.engine, ledger: this.#ledger }, { credential, replace, ...(key === null ? {} : { keyId: key.id }) }, ACTOR);
    this.#count(`emergency ${outcome}`);
  }

  /** Faults end; nothing new falls due; whoever is down is started for the last time. */
  async #calm(): Promise<void> {
    this.#say('faults end');
    this.#quiet = true;
    for (const key of this.#world.issuer.live) if (key.name.startsWith(STRANGER)) this.#world.issuer.remove(key);
    this.#faults.end();
    this.#queue.calm();
    await this.#ledger.declare([JSON.stringify(this.#plans(false))]);
    for (let n = 0; n < this.#scenario.credentials.length; n += 1) await this.#ledger.clearPause('credential', credentialName(n), ACTOR);
    for (let n = 0; n < this.#scenario.workers; n += 1) await this.#restart(n);
  }

  /** Things must come to rest by themselves (10), notices delivered (8), and then look as they should. */
  async #rest(): Promise<void> {
    const deadline = this.#sim.now + REST_WITHIN_MS;
    for (;;) {
      await this.#sim.run(this.#sim.now + LOOK_MS, () => false);
      const open = await this.#ledger.rotations({ open: true }, { limit: 100 });
      const debts = await this.#ledger.openDebts({});
      const waiting = await this.#ledger.deliveries({ state: 'waiting' }, { limit: 100 });
      const leaks = (await this.#opened.leaks.leaks({ open: true }, 100)).length + this.#reporter.waiting;
      const unrest = this.#judge.unrest();
      if (unrest.length === 0 && leaks === 0 && open.length === 0 && debts.length === 0 && waiting.length === 0) return;
      if (this.#sim.now < deadline) continue;
      const states = open.map((rotation) => `${rotation.credential} ${rotation.state}/${rotation.reason} (${rotation.message})`);
      if (open.length > 0 || debts.length > 0) this.#judge.broken.push({ promise: 10, at: this.#sim.now, what: `not at rest: ${states.join('; ')}; ${debts.length} debts: ${debts.map((debt) => `${debt.issuerKeyId} ${debt.lastError}`).join('; ')}` });
      if (leaks > 0) this.#judge.broken.push({ promise: 10, at: this.#sim.now, what: `${leaks} reported leaks still wait, ${this.#reporter.waiting} of them for an answer` });
      if (waiting.length > 0) this.#judge.broken.push({ promise: 8, at: this.#sim.now, what: `${waiting.length} notices are still waiting` });
      this.#judge.broken.push(...unrest);
      return;
    }
  }

  async #looseEnds(): Promise<void> {
    this.#leak('the ledger', await this.#opened.dump());
    for (const job of this.#queue.seen) this.#leak('the queue', job);
    while ((await this.#ledger.seal(1_000)) > 0);
    const audit = await this.#ledger.verifyAudit();
    if (!audit.ok) this.#judge.broken.push({ promise: 7, at: this.#sim.now, what: `the audit chain does not verify: ${audit.firstBad?.why}` });
  }
}

import type { Birth } from '../account.ts';
import type { FaultEffect, FaultRule } from './schema.ts';

/** What a rule can see of a request. */
export interface FaultTarget {
  readonly method: string;
  readonly path: string;
  readonly keyName: string | undefined;
  /** Present on a request that would create a key. */
  readonly createdName: string | undefined;
  readonly creates: boolean;
}

/** The effects that decide how a request ends; the first one that strikes wins. */
export type Ending = Extract<FaultEffect, { kind: 'status' | 'html' | 'drop-before' | 'drop-after' | 'late-effect' | 'half-body' }>;

/** What happens to one request. */
export interface FaultPlan {
  readonly beforeMs: number;
  readonly afterMs: number;
  readonly birth: Birth;
  readonly ending: Ending | undefined;
}

export interface FaultStatus {
  readonly rule: FaultRule;
  /** Requests that it matched, and those that it struck. */
  readonly matched: number;
  readonly struck: number;
}

export interface FaultEngine {
  set(rules: readonly FaultRule[]): void;
  status(): FaultStatus[];
  plan(target: FaultTarget): FaultPlan;
}

interface Armed {
  readonly rule: FaultRule;
  readonly fits: (target: FaultTarget) => boolean;
  readonly random: () => number;
  matched: number;
  struck: number;
}

export function createFaultEngine(rules: readonly FaultRule[]): FaultEngine {
  let armed = rules.map(arm);
  return {
    set(next) {
      armed = next.map(arm);
    },
    status: () => armed.map(({ rule, matched, struck }) => ({ rule, matched, struck })),
    plan(target) {
      const effects = armed.filter((one) => one.fits(target) && strikes(one)).map((one) => one.rule.effect);
      return {
        beforeMs: total(effects, (one) => (one.kind === 'delay' && one.when !== 'after' ? one.ms : 0)),
        afterMs: total(effects, (one) => (one.kind === 'delay' && one.when === 'after' ? one.ms : 0)),
        birth: {
          hideMs: total(effects, (one) => (one.kind === 'hide-created' ? one.ms : 0)),
          inactiveMs: total(effects, (one) => (one.kind === 'activation-delay' ? one.ms : 0)),
        },
        ending: effects.find(isEnding),
      };
    },
  };
}

function arm(rule: FaultRule): Armed {
  return { rule, fits: matcher(rule), random: generator(rule.seed ?? 1), matched: 0, struck: 0 };
}

function strikes(one: Armed): boolean {
  one.matched += 1;
  if (one.matched <= (one.rule.after ?? 0)) return false;
  if (one.struck >= (one.rule.times ?? Infinity)) return false;
  if (one.random() >= (one.rule.probability ?? 1)) return false;
  one.struck += 1;
  return true;
}

function isEnding(effect: FaultEffect): effect is Ending {
  return effect.kind !== 'delay' && effect.kind !== 'hide-created' && effect.kind !== 'activation-delay';
}

function total(effects: readonly FaultEffect[], part: (effect: FaultEffect) => number): number {
  return effects.reduce((sum, effect) => sum + part(effect), 0);
}

function matcher({ match = {}, effect }: FaultRule): (target: FaultTarget) => boolean {
  const methods = match.method === undefined ? undefined : [match.method].flat().map((method) => method.toUpperCase());
  const path = match.path === undefined ? undefined : pathPattern(match.path);
  const keyName = match.keyName === undefined ? undefined : glob(match.keyName, '.*');
  const createdName = match.createdName === undefined ? undefined : glob(match.createdName, '.*');
  const onlyCreates = effect.kind === 'hide-created' || effect.kind === 'activation-delay';
  return (target) =>
    (!onlyCreates || target.creates) &&
    (methods?.includes(target.method) ?? true) &&
    (path?.test(target.path) ?? true) &&
    (keyName?.test(target.keyName ?? '') ?? true) &&
    (createdName?.test(target.createdName ?? '') ?? true);
}

function pathPattern(pattern: string): RegExp {
  if (pattern.includes('*')) return glob(pattern, '[^/]*');
  const exact = escape(pattern.replace(/\/+$/, ''));
  return new RegExp(`^${exact}(/.*)?$`);
}

/** `**` matches anything, `*` matches `star`. */
function glob(pattern: string, star: string): RegExp {
  const parts = pattern.split(/(\*\*|\*)/).map((part) => ({ '**': '.*', '*': star })[part] ?? escape(part));
  return new RegExp(`^${parts.join('')}$`);
}

function escape(text: string): string {
  return text.replaceAll(/[$()*+.?[\\\]^{|}]/g, String.raw`\$&`);
}

/** mulberry32: a small seeded generator, so that a run with faults can be repeated. */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

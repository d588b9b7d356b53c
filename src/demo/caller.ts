/** The demo application's reason to exist: it calls the memory API at a steady pace and counts what came of it. */
import type { KeyRing } from '../client/index.ts';

/** One call and what came of it. Instants are epoch milliseconds. */
export interface Call {
  /** Method and path. */
  readonly what: string;
  readonly begunAt: number;
  readonly endedAt: number;
  /** Null for a 2xx, else what went wrong, without a key. */
  readonly problem: string | null;
}

/** The problem of a call whose key was not accepted. */
export const REFUSED = 'status 401';

export interface ApplicationFigures {
  readonly requests: number;
  /** Calls whose final answer, after the ring's one retry, was no 2xx; or that got none. */
  readonly failures: number;
  /** The last failure in words, without a key. */
  readonly lastFailure: string | null;
}

export interface ApplicationHealth {
  readonly ok: boolean;
  readonly why: string;
}

export interface Caller {
  figures(): ApplicationFigures;
  /** Green only if the last calls succeeded, all with the primary key as it is now. */
  health(): ApplicationHealth;
  /** The keys changed: what was proved with those before counts no longer. */
  keysChanged(): void;
  /** Stops calling, waits for the calls under way, and gives the final figures. */
  drain(): Promise<ApplicationFigures>;
}

export interface CallerOptions {
  readonly ring: Pick<KeyRing, 'fetch' | 'status'>;
  /** A call begins this often, milliseconds. */
  readonly everyMs: number;
  /** Of one call, milliseconds; 5,000 unless said. */
  readonly timeoutMs?: number;
  /** Told of each call when it has ended. */
  readonly onCall?: (call: Call) => void;
}

const NOTE = 'demo-note';
/** As which the issuer's audit log knows it. */
const AGENT = 'notes-app/3.1';
const PROOFS_WANTED = 3;
const MOST_AT_ONCE = 16;

interface ApiCall {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body?: object;
}

const FIRST: ApiCall = { method: 'POST', path: '/api/v1/memory/store', body: { key: NOTE, description: 'A note that the demo application keeps.', node_type: 'note' } };
const ROUND: readonly ApiCall[] = [
  { method: 'POST', path: '/api/v1/memory/recall', body: { query: 'note', max_results: 1 } },
  { method: 'POST', path: '/api/v1/memory/update', body: { key: NOTE, description: 'A note that the demo application keeps up to date.' } },
  { method: 'GET', path: '/api/v1/memory/overview' },
];

/** Calls begin when the ring has a key, and do not stop until `drain`. */
export function startCaller({ ring, everyMs, timeoutMs = 5_000, onCall }: CallerOptions): Caller {
  let [requests, failures, proofs, generation] = [0, 0, 0, 0];
  let [prepared, lastFailure]: [boolean, string | null] = [false, null];
  const underWay = new Set<Promise<void>>();

  async function call(what: ApiCall): Promise<void> {
    const [begunIn, begunAt] = [generation, Date.now()];
    requests += 1;
    const [named, problem] = [`${what.method} ${what.path}`, await outcome(ring, what, timeoutMs)];
    if (problem === null && begunIn === generation) proofs += 1;
    if (problem !== null) [failures, proofs, lastFailure] = [failures + 1, 0, `${named}: ${problem}`];
    onCall?.({ what: named, begunAt, endedAt: Date.now(), problem });
    prepared = true;
  }

  function begin(): void {
    // The other calls need what the first one stores.
    const most = prepared ? MOST_AT_ONCE : 1;
    if (ring.status().using === null || underWay.size >= most) return;
    const running = call(prepared ? (ROUND[requests % ROUND.length] ?? FIRST) : FIRST).finally(() => underWay.delete(running));
    underWay.add(running);
  }

  const timer = setInterval(begin, everyMs);
  const figures = (): ApplicationFigures => ({ requests, failures, lastFailure });
  return {
    figures,
    health: () => healthOf(ring.status().using, proofs),
    keysChanged: () => void ([generation, proofs] = [generation + 1, 0]),
    async drain() {
      clearInterval(timer);
      await Promise.all(underWay);
      return figures();
    },
  };
}

function healthOf(using: 'primary' | 'backup' | null, proofs: number): ApplicationHealth {
  if (using === null) return { ok: false, why: 'waiting for a key' };
  if (using === 'backup') return { ok: false, why: 'the new key is refused, living on the backup key' };
  return proofs >= PROOFS_WANTED ? { ok: true, why: 'the last calls succeeded' } : { ok: false, why: 'not enough calls succeeded yet' };
}

async function outcome(ring: CallerOptions['ring'], { method, path, body }: ApiCall, timeoutMs: number): Promise<string | null> {
  const headers = { 'user-agent': AGENT, ...(body === undefined ? {} : { 'content-type': 'application/json' }) };
  return await problemOf(() => ring.fetch(path, { method, headers, signal: AbortSignal.timeout(timeoutMs), ...(body === undefined ? {} : { body: JSON.stringify(body) }) }));
}

/** Null for a 2xx, else what went wrong. */
export async function problemOf(send: () => Promise<Response>): Promise<string | null> {
  try {
    const response = await send();
    await response.arrayBuffer();
    return response.ok ? null : `status ${response.status}`;
  } catch (error) {
    return error instanceof Error ? `${error.name}: ${error.message}` : 'no answer';
  }
}

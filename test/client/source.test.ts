import { afterEach, describe, expect, it, vi } from 'vitest';
import { KeyRing, type KeyReading, type KeySource, type ReadReason } from '../../src/client/index.ts';

const rings: KeyRing[] = [];
afterEach(() => {
  for (const ring of rings.splice(0)) ring.close();
});

/** A source whose reads the test answers one by one. */
function handMade(): { source: KeySource; reads: { reason: ReadReason; signal: AbortSignal; answer: (reading: KeyReading) => void }[]; changed: () => void; watched: () => boolean } {
  const reads: { reason: ReadReason; signal: AbortSignal; answer: (reading: KeyReading) => void }[] = [];
  let notify: (() => void) | null = null;
  const source: KeySource = {
    name: 'hand-made source',
    read: ({ reason, signal }) => new Promise((answer) => reads.push({ reason, signal, answer })),
    watch: (changed) => {
      notify = changed;
      return () => {
        notify = null;
      };
    },
  };
  return { source, reads, changed: () => notify?.(), watched: () => notify !== null };
}

function ringOn(source: KeySource): KeyRing {
  const ring = KeyRing.from(source);
  rings.push(ring);
  return ring;
}

const keyOf = (ring: KeyRing): Promise<number> => ring.withKey(async (key) => key.length);

describe('a source of your own', () => {
  it('is read when it says that something changed, and tells its version', async () => {
    const { source, reads, changed } = handMade();
    const ring = ringOn(source);
    await vi.waitFor(() => expect(reads).toHaveLength(1));
    reads[0]?.answer({ primary: '1', version: 'v1' });
    expect(await keyOf(ring)).toBe(1);
    changed();
    await vi.waitFor(() => expect(reads).toHaveLength(2));
    reads[1]?.answer({ primary: '22', version: 'v2' });
    await vi.waitFor(() => expect(ring.status().version).toBe('v2'));
    expect(await keyOf(ring)).toBe(2);
    expect(reads.map(({ reason }) => reason)).toEqual(['start', 'changed']);
  });

  it('that changes while it is being read is read once more, since that read may have come too early', async () => {
    const { source, reads, changed } = handMade();
    const ring = ringOn(source);
    await vi.waitFor(() => expect(reads).toHaveLength(1));
    changed();
    changed();
    reads[0]?.answer({ primary: '1' });
    await vi.waitFor(() => expect(reads).toHaveLength(2));
    reads[1]?.answer({ primary: '22' });
    await vi.waitFor(async () => expect(await keyOf(ring)).toBe(2));
    expect(reads).toHaveLength(2);
  });

  it('is let go of when the ring is closed, in the middle of a read too', async () => {
    const { source, reads, watched } = handMade();
    const ring = ringOn(source);
    await vi.waitFor(() => expect(reads).toHaveLength(1));
    expect(watched()).toBe(true);
    ring.close();
    expect(watched()).toBe(false);
    expect(reads[0]?.signal.aborted).toBe(true);
    await expect(ring.ready()).rejects.toMatchObject({ code: 'closed' });
    expect(ring.status().problem).toBeNull();
  });
});

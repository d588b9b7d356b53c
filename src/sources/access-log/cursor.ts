/** Where reading stands, in each file of each log, as one bounded JSON. */
import { z } from 'zod';
import { tailOf, type Opened } from './files.ts';

/** Files that are remembered over all logs; 60 of them fit into the cursor. */
export const MAX_FILES = 60;

const placeShape = z.object({
  /** Inode and digest of the beginning: neither alone would do. */
  i: z.string().max(24),
  h: z.string().max(16),
  /** Read up to here, bytes, and what stands right before it. */
  o: z.number().int().min(0),
  t: z.string().max(16),
  /** Within a line that is too long and has not ended. */
  s: z.boolean(),
  /** Last change, epoch milliseconds: the oldest is forgotten first. */
  m: z.number(),
});
const logShape = z.object({
  /** Time of its newest line, epoch milliseconds. */
  w: z.number().nullable(),
  /** Files that were last changed up to here and are not among those below have been read. */
  b: z.number(),
  f: z.array(placeShape),
});
const cursorShape = z.object({
  v: z.literal(1),
  /** Lines before it are not told. */
  since: z.number(),
  /** By a digest of the live log's name. */
  logs: z.record(z.string().max(16), logShape),
});

export type Place = z.output<typeof placeShape>;
export type Log = z.output<typeof logShape>;
export type Cursor = z.output<typeof cursorShape>;

export function parseCursor(told: unknown, since: Date): Cursor {
  const parsed = cursorShape.safeParse(told);
  return parsed.success ? parsed.data : { v: 1, since: since.getTime(), logs: {} };
}

/** What was last changed before `since` holds nothing to tell. */
export function newLog({ since }: Cursor): Log {
  return { w: null, b: since - 1, f: [] };
}

/** Forgets the files that changed longest ago, where there are too many; `unread` ones are not among them. */
export function bounded(log: Log, unread: ReadonlySet<Place>, most: number): Log {
  const read = log.f.filter((place) => !unread.has(place)).sort((a, b) => b.m - a.m);
  const gone = read.slice(Math.max(most - unread.size, 1));
  return gone.length === 0 ? log : { ...log, b: Math.max(log.b, ...gone.map(({ m }) => m)), f: log.f.filter((place) => !gone.includes(place)) };
}

/**
 * Up to which place each file was read. The live file comes first in `opened`. A known inode that is not what was read any more was
 * truncated, and begins anew. Another inode that holds what a known file held is a copy: it takes the place over once the original
 * is truncated or gone (copytruncate), and is left alone before (null).
 */
export async function placesOf(opened: readonly Opened[], live: string, known: readonly Place[]): Promise<ReadonlyMap<Opened, Place | null>> {
  const originals = new Map<Place, Opened>();
  const placed = new Map<Opened, Place | null>();
  for (const one of opened) {
    const mine = known.find((place) => place.i === one.inode && place.h === one.head);
    if (mine === undefined || one.head === null) continue;
    const same = one.size >= mine.o && (await tailOf(one.file, mine.o)) === mine.t;
    if (same) originals.set(mine, one);
    placed.set(one, same ? { ...mine, m: one.changed } : await fresh(one, one.head));
  }
  const taken = new Set<Place>();
  for (const one of opened) {
    if (placed.has(one) || one.head === null) continue;
    const original = one.name === live ? undefined : await originalOf(one, known, originals);
    if (original === undefined) placed.set(one, await fresh(one, one.head));
    else if (originals.has(original) || taken.has(original)) placed.set(one, null);
    else placed.set(one, await takenOver(one, original));
    if (original !== undefined) taken.add(original);
  }
  return placed;
}

/** The known file that this one is a copy of. A common first line alone does not make it one. */
async function originalOf(one: Opened, known: readonly Place[], originals: ReadonlyMap<Place, Opened>): Promise<Place | undefined> {
  for (const place of known) {
    if (place.h !== one.head) continue;
    if (one.size >= place.o) {
      if ((await tailOf(one.file, place.o)) === place.t) return place;
      continue;
    }
    // Shorter: a copy that is being made, or one that lacks what was written to the original after it.
    const original = originals.get(place);
    if (original === undefined || (await tailOf(one.file, one.size)) === (await tailOf(original.file, one.size))) return place;
  }
  return undefined;
}

async function takenOver(one: Opened, original: Place): Promise<Place> {
  const o = Math.min(original.o, one.size);
  return { ...original, i: one.inode, o, t: await tailOf(one.file, o), m: one.changed };
}

async function fresh(one: Opened, head: string): Promise<Place> {
  return { i: one.inode, h: head, o: 0, t: await tailOf(one.file, 0), s: false, m: one.changed };
}

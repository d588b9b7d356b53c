import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { batchOver } from '../../src/ledger/batch.ts';
import { openEmbedded } from '../../src/ledger/embedded.ts';
import { incidentMethods } from '../../src/ledger/incidents.ts';
import { migrateLedger } from '../../src/ledger/migrate.ts';
import { MIGRATIONS } from '../../src/ledger/migrations/index.ts';
import { kyselyOver } from '../../src/ledger/open.ts';
import type { IncidentLedger } from '../../src/ports/incident-ledger.ts';
import type { Rotation } from '../../src/ports/ledger.ts';
import { advanceClock, openOn, openRuntime, RUNTIMES, type OpenRuntime } from '../support/runtimes.ts';
import { ACTOR, asked, committed, created, fresh, leased, noticeOf } from './fixtures.ts';

const DAY = 86_400_000;
const CHANNELS = ['ops', 'mail'];

const report = (incidents: IncidentLedger, incident: string, version: number, digest: unknown = { n: version }) => incidents.record({ incident, version, digest }, { notice: noticeOf(`${incident}:${version}`), channels: CHANNELS });

describe.each(RUNTIMES)('incidents in the ledger on $name', (runtime) => {
  let open: OpenRuntime;
  beforeAll(async () => void (open = await openRuntime(runtime)));
  afterAll(() => open.close());

  const emergency = (credential = fresh('cred')): Promise<Rotation> => created(open.ledger, asked(credential, { kind: 'emergency', path: 'emergency' }));
  const outbox = async (incident: string): Promise<readonly string[]> => (await open.ledger.deliveries({}, { limit: 1_000 })).filter(({ notice }) => notice.dedupeKey.startsWith(incident)).map(({ channel, notice }) => `${channel} ${notice.dedupeKey}`).sort();
  const toReport = async (followedMs?: number): Promise<readonly string[]> => (await open.incidents.toReport(followedMs === undefined ? {} : { followedMs }, { limit: 1_000 })).map(({ rotation }) => rotation.id);

  test('are emergency rotations, newest first, a page at a time', async () => {
    const credential = fresh('cred');
    await created(open.ledger, asked(fresh('other')));
    const only = await emergency(credential);
    expect((await open.incidents.emergencies({ credential }, { limit: 9 })).map(({ id, kind }) => [id, kind])).toEqual([[only.id, 'emergency']]);
    const [newest, older] = [await emergency(), await emergency()].toReversed();
    expect((await open.incidents.emergencies({}, { limit: 1 })).map(({ id }) => id)).toEqual([newest?.id]);
    expect((await open.incidents.emergencies({}, { limit: 1, before: newest?.id ?? '' })).map(({ id }) => id)).toEqual([older?.id]);
  });

  test('have their audit events in order, sealed or not, and no others', async () => {
    const [mine, other] = [await emergency(), await emergency()];
    while ((await open.ledger.seal(1_000)) > 0);
    const lease = await leased(open.ledger, mine.id);
    await committed(open.ledger, lease, 'requested', { to: 'revoking', reason: 'emergency', message: 'Revocation comes first.' });
    await open.ledger.audit({ type: 'test', actor: ACTOR, credential: mine.credential, rotationId: other.id, keyId: null, detail: {} });
    const events = await open.incidents.auditOf(mine.id);
    expect(events.map(({ type, hash }) => [type, hash !== null])).toEqual([['rotation.requested', true], ['rotation.transition', false]]);
    expect(events[1]?.seq).toBeGreaterThan(events[0]?.seq ?? 0);
    const unsealed = (await open.ledger.auditEvents({ credential: mine.credential }, { limit: 9 })).toReversed().filter(({ rotationId }) => rotationId === mine.id);
    expect(events).toEqual(unsealed);
    expect(await open.incidents.auditOf('nobody')).toEqual([]);
  });

  test('are to be reported until they were, with the newest report; followed for as long as is asked', async () => {
    const { id } = await emergency();
    expect(await open.incidents.toReport({}, { limit: 1_000 })).toContainEqual(expect.objectContaining({ rotation: expect.objectContaining({ id }), told: null }));
    expect(await report(open.incidents, id, 1)).toBe('recorded');
    expect([(await toReport()).includes(id), (await toReport(DAY)).includes(id)]).toEqual([false, true]);
    await advanceClock(open.pool, DAY / 2);
    await report(open.incidents, id, 2);
    const [one] = (await open.incidents.toReport({ followedMs: DAY }, { limit: 1_000 })).filter(({ rotation }) => rotation.id === id);
    expect(one?.told).toMatchObject({ incident: id, version: 2, digest: { n: 2 } });
    await advanceClock(open.pool, DAY / 2 + 60_000);
    expect((await toReport(DAY)).includes(id), 'counted from the first report, not the last').toBe(false);
    expect((await open.incidents.toldOf([id, 'nobody'])).get(id)?.version).toBe(2);
  });

  test('come a page at a time, each once', async () => {
    const wanted = new Set([(await emergency()).id, (await emergency()).id, (await emergency()).id]);
    const seen: string[] = [];
    for (let after: string | undefined; ;) {
      const page = await open.incidents.toReport({}, { limit: 2, ...(after === undefined ? {} : { after }) });
      seen.push(...page.map(({ rotation }) => rotation.id));
      after = page.at(-1)?.rotation.id;
      if (page.length < 2) break;
    }
    expect([seen.filter((id) => wanted.has(id)).length, new Set(seen).size]).toEqual([3, seen.length]);
  });

  test('are told once: of two workers that write the same version one does, and its messages are the only ones', async () => {
    const { id } = await emergency();
    const other = runtime.name === 'embedded' ? null : await openOn(open.running);
    const outcomes = await Promise.all([report(open.incidents, id, 1), report(other?.incidents ?? open.incidents, id, 1), report(open.incidents, id, 1)]);
    await other?.close();
    expect(outcomes.sort()).toEqual(['already', 'already', 'recorded']);
    expect(await outbox(id)).toEqual([`mail ${id}:1`, `ops ${id}:1`]);
    expect(await report(open.incidents, id, 2)).toBe('recorded');
    expect(await outbox(id)).toHaveLength(4);
  });

  test('a report whose messages cannot be written is not written', async () => {
    const { id } = await emergency();
    const bad = { ...noticeOf(id), dedupeKey: null as unknown as string };
    await expect(open.incidents.record({ incident: id, version: 1, digest: {} }, { notice: bad, channels: CHANNELS })).rejects.toThrow();
    expect([(await open.incidents.toldOf([id])).size, (await toReport()).includes(id)]).toEqual([0, true]);
  });

  test('a ledger that a newer Keyturn has migrated is told nothing, and still read', async () => {
    const later = await openRuntime(runtime);
    const { id } = await created(later.ledger, asked(fresh('cred'), { kind: 'emergency', path: 'emergency' }));
    await migrateLedger(kyselyOver(later.pool), { ...MIGRATIONS, '9998-future': { up: async () => undefined } });
    await expect(report(later.incidents, id, 1)).rejects.toMatchObject({ code: 'LEDGER_NEWER' });
    expect([(await later.incidents.toldOf([id])).size, (await later.incidents.toReport({}, { limit: 9 })).length]).toEqual([0, 1]);
    await later.close();
  });

  test('of one that ends without a word nobody is told, ever', async () => {
    const { id } = await emergency();
    expect(await open.incidents.record({ incident: id, version: 0, digest: {} }, null)).toBe('recorded');
    expect([(await toReport(DAY)).includes(id), await outbox(id)]).toEqual([false, []]);
  });
});

test('incidents of before there were reports are not reported when the ledger is migrated', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'keyturn-before-reports-'));
  const { pool, close } = await openEmbedded(directory);
  const db = kyselyOver(pool);
  const before = Object.fromEntries(Object.entries(MIGRATIONS).filter(([name]) => name < '0008'));
  await migrateLedger(db, before);
  const columns = `credential, issuer, kind, path, state, plan, actor, asked, notes, reason, message, created_at, state_since, finished_at`;
  for (const [id, name, finished] of [['01OVER', 'over', 'now()'], ['01OPEN', 'open', 'null']]) {
    await pool.query(`insert into keyturn.rotations (id, ${columns}) values ('${id}', '${name}', 'hm', 'emergency', 'emergency', 'done', '{}', '{}', '{}', '{}', 'r', 'm', now(), now(), ${finished})`);
  }
  await migrateLedger(db);
  const found = await incidentMethods(db.withSchema('keyturn'), batchOver(pool)).toReport({ followedMs: DAY }, { limit: 9 });
  await close();
  rmSync(directory, { recursive: true, force: true });
  expect(found.map(({ rotation }) => rotation.id)).toEqual(['01OPEN']);
});

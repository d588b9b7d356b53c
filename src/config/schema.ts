/** The one schema of the configuration file. docs/config.md and config/keyturn.schema.json are generated from it. */
import { z } from 'zod';
import { alerts } from './schema/alerts.ts';
import { channel, route } from './schema/channels.ts';
import { check, hook } from './schema/checks.ts';
import { credential } from './schema/credentials.ts';
import { heartbeat } from './schema/heartbeat.ts';
import { issuer } from './schema/issuers.ts';
import { leaks } from './schema/leaks.ts';
import { name } from './schema/leaves.ts';
import { policy } from './schema/policies.ts';
import { response } from './schema/response.ts';
import { api, log, redis, security, worker } from './schema/service.ts';
import { rules } from './schema/rules.ts';
import { store } from './schema/stores.ts';
import { summary } from './schema/summary.ts';
import { usage } from './schema/usage.ts';

export const configSchema = z
  .strictObject({
    version: z.literal(1, 'is no known version (expected 1)').describe('Version of this format.'),
    issuers: z.record(name, issuer).prefault({}).describe('Systems that mint keys, by name.'),
    stores: z.record(name, store).prefault({}).describe('Where keys are published, by name.'),
    checks: z.record(name, check).prefault({}).describe('Proofs that keys and applications work, by name.'),
    hooks: z.record(name, hook).prefault({}).describe('How applications are told to read their key again, by name.'),
    channels: z.record(name, channel).prefault({}).describe('How people are told, by name.'),
    routes: z.array(route).optional().meta({ description: 'Which messages go where. All matching routes apply; without routes every message goes to every channel.' }),
    summary: summary.prefault({}).describe('A summary a day or a week: what was rotated, what comes, how old keys are, what alerts fired, what waits for a person, and the end of the audit chain. `off`: none.'),
    usage: usage.prefault({}).describe('How keys are used: where that is read, and how long it is kept. docs/writing-a-usage-source.md says how far each source can be trusted.'),
    leaks: leaks.prefault({}).describe('Who may report leaked keys, and what a leaked key of ours causes. docs/leaks.md tells how each is set up and what is kept.'),
    rules: rules.prefault({}).describe('What a scan of usage looks for, and what else people hear of. Each rule takes its keys or `off`; a credential may have its own. The keys of each rule, with what it looks at, are in docs/rules.md.'),
    alerts: alerts.prefault({}).describe('How long alerts live, when people hear of them, and when not. docs/alerts.md tells it all.'),
    response: response.prefault({}).describe('Bounds of what policies with `onCritical` do by themselves, and how they ask. docs/auto-response.md tells it all.'),
    heartbeat: heartbeat.optional().describe('An address that is called while all is well, so that an outside watcher notices when Keyturn is not.'),
    policies: z.record(name, policy).prefault({}).describe('When and how credentials are rotated, by name. docs/policies.md defines it all.'),
    credentials: z.record(name, credential).prefault({}).describe('The secrets that applications use, by name.'),
    worker: worker.prefault({}).describe('The worker process.'),
    api: api.prefault({}).describe('The control API.'),
    log: log.prefault({}).describe('Log lines.'),
    security: security.prefault({}).describe('Keys of Keyturn’s own.'),
    redis: redis.prefault({}).describe('The queue’s Redis or Valkey. Without it and without REDIS_URL, the ledger’s database carries the queue.'),
  })
  .meta({ title: 'Keyturn configuration', description: 'Top-level keys that begin with `x-` are ignored: a place for YAML anchors.' });

/** As parsed: durations in milliseconds, secrets as references. */
export type ParsedConfig = z.output<typeof configSchema>;

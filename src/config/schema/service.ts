import { z } from 'zod';
import { duration, flag, path, secretRef, text, whole } from './leaves.ts';

const slots = whole(1, 100);
const interval = duration(100, 86_400_000);

export const worker = z.strictObject({
  dataDir: path.optional().meta({ description: 'Directory of the embedded ledger, the root key, the socket and what `revoke --direct` left. `KEYTURN_DATA_DIR` overrides it.', default: '.keyturn' }),
  shutdown: duration(1_000, 600_000).prefault('30s').describe('How long a stopping worker finishes what it has begun; the rest is handed over.'),
  intervals: z
    .strictObject({
      sweep: interval.prefault('30s').describe('What is due is derived anew from the ledger.'),
      debts: interval.prefault('30s').describe('Keys that wait to be revoked.'),
      inventory: interval.prefault('15m').describe('The issuers’ lists and the stores against the ledger.'),
      inspect: duration(100, 300_000).prefault('5m').describe('Quotas, ages of keys, and whether issuers, usage sources and the scan of usage are alive; at most 5m.'),
      deliver: interval.prefault('10s').describe('Messages that wait to be delivered.'),
      seal: interval.prefault('10s').describe('New audit events are chained.'),
      usage: interval.prefault('15s').describe('Usage sources are read.'),
      scan: interval.prefault('1m').describe('Usage is scanned for what is unusual.'),
    })
    .prefault({})
    .describe('How often the worker looks by itself.'),
  concurrency: z
    .strictObject({
      emergency: slots.prefault(4).describe('Emergency rotations.'),
      rotation: slots.prefault(4).describe('Other rotations.'),
      revocation: slots.prefault(2).describe('Revocations.'),
      upkeep: slots.prefault(2).describe('Sweeps, inventory, audit.'),
      delivery: slots.prefault(2).describe('Messages.'),
      usage: slots.prefault(1).describe('Usage.'),
    })
    .prefault({})
    .describe('Jobs that one worker runs at once, by lane.'),
});

export const api = z.strictObject({
  socket: path.optional().meta({ description: 'Unix socket of the control API.', 'x-default': '`<dataDir>/keyturn.sock`' }),
  listen: z
    .strictObject({
      host: text.default('127.0.0.1').describe('Address to listen on.'),
      port: whole(1, 65_535).describe('Port to listen on.'),
      token: secretRef.describe('What callers must show, at least 16 characters; the CLI takes it from KEYTURN_TOKEN.'),
    })
    .optional()
    .describe('Listen on TCP too. Put TLS in front of anything but loopback.'),
});

export const log = z.strictObject({
  level: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info').describe('Least level that is written.'),
  format: z.enum(['auto', 'json', 'pretty']).default('auto').describe('`auto`: pretty on a terminal, JSON lines otherwise.'),
});

export const security = z.strictObject({
  rootKey: secretRef.optional().meta({ description: 'Root of fingerprints and of the audit chain: at least 32 random characters, the same for all workers of a ledger. Never change it.', 'x-default': 'generated into `<dataDir>/root.key`' }),
});

const node = z.strictObject({ host: text.describe('Host.'), port: whole(1, 65_535).prefault(6379).describe('Port.') });
const nodes = z.array(node).min(1, 'is empty (expected a list of host and port)');

export const redis = z.strictObject({
  url: secretRef.optional().meta({ description: 'Address (redis:// or rediss://), by reference since it may hold a password.', 'x-default': '`REDIS_URL`' }),
  sentinel: z.strictObject({ master: text.describe('Name of the master.'), nodes: nodes.describe('The sentinels.') }).optional().describe('Find the server through Redis Sentinel.'),
  cluster: z.strictObject({ nodes: nodes.describe('Nodes to begin with.') }).optional().describe('Use a Redis Cluster.'),
  password: secretRef.optional().describe('Password, for sentinel and cluster.'),
  tls: flag.prefault(false).describe('TLS, for sentinel and cluster.'),
});
export type RedisConfig = z.output<typeof redis>;

/** A JSON secret in moto with two credentials in it, and eyes that do not go through the store. */
import { createServer } from 'node:http';
import { once } from 'node:events';
import { randomUUID } from 'node:crypto';
import {
  CreateSecretCommand,
  DescribeSecretCommand,
  GetSecretValueCommand,
  PutSecretValueCommand,
  SecretsManagerClient,
  UpdateSecretVersionStageCommand,
} from '@aws-sdk/client-secrets-manager';
import { createSecretsManagerStore, type SecretsManagerOptions } from '../../src/stores/aws-secrets-manager/index.ts';
import type { Moto } from '../support/moto.ts';
import { FIRST_VALUE, NEIGHBOUR_VALUE, type ContractPlace, type StoreHarness } from '../contracts/store.ts';

export type StoreOverrides = Partial<SecretsManagerOptions>;

/** Looks at and changes one secret behind the store's back. */
export class Outside {
  readonly id: string;
  readonly client: SecretsManagerClient;
  constructor(moto: Moto, id = `prod/${randomUUID()}`) {
    this.id = id;
    this.client = moto.client();
  }
  async create(text?: string): Promise<this> {
    await this.client.send(new CreateSecretCommand({ Name: this.id, ...(text === undefined ? {} : { SecretString: text }) }));
    return this;
  }
  async text(stage = 'AWSCURRENT'): Promise<string | null> {
    const request = this.client.send(new GetSecretValueCommand({ SecretId: this.id, VersionStage: stage }));
    return request.then(({ SecretString }) => SecretString ?? null, () => null);
  }
  async labels(): Promise<Record<string, string[]>> {
    return (await this.client.send(new DescribeSecretCommand({ SecretId: this.id }))).VersionIdsToStages ?? {};
  }
  /** Labels of versions that have any, sorted, without ids. */
  async labelSets(): Promise<string[]> {
    return Object.values(await this.labels()).filter((set) => set.length > 0).map((set) => set.toSorted().join(' ')).sort();
  }
  /** As PutSecretValue with AWSCURRENT does at AWS; moto forgets what UpdateSecretVersionStage moved before. */
  async write(text: string): Promise<void> {
    const to = randomUUID();
    const from = Object.entries(await this.labels()).find(([, labels]) => labels.includes('AWSCURRENT'))?.[0];
    await this.client.send(new PutSecretValueCommand({ SecretId: this.id, ClientRequestToken: to, SecretString: text, VersionStages: ['outside'] }));
    await this.label('AWSCURRENT', { to, ...(from === undefined ? {} : { from }) });
  }
  async pending(text: string): Promise<void> {
    await this.client.send(new PutSecretValueCommand({ SecretId: this.id, SecretString: text, VersionStages: ['AWSPENDING'] }));
  }
  async label(name: string, change: { from?: string; to?: string }): Promise<void> {
    await this.client.send(
      new UpdateSecretVersionStageCommand({ SecretId: this.id, VersionStage: name, RemoveFromVersionId: change.from, MoveToVersionId: change.to }),
    );
  }
}

export function storeIn(moto: Moto, secretId: string, overrides: StoreOverrides = {}): ReturnType<typeof createSecretsManagerStore> {
  return createSecretsManagerStore({ name: 'aws', secretId, endpoint: moto.endpoint, region: moto.region, client: moto.client(), ...overrides });
}

function fieldPlace(moto: Moto, outside: Outside, field: string): ContractPlace {
  return {
    store: storeIn(moto, outside.id, { field }),
    async reads() {
      const value = (JSON.parse((await outside.text()) ?? '{}') as Record<string, unknown>)[field];
      return typeof value === 'string' ? value : null;
    },
  };
}

export function wholePlace(moto: Moto, outside: Outside, overrides: StoreOverrides = {}): ContractPlace {
  return { store: storeIn(moto, outside.id, overrides), reads: () => outside.text() };
}

/** AWS as it answers when it refuses, is busy, or is gone. */
async function brokenStores(moto: Moto, secretId: string): Promise<{ broken: StoreHarness['broken']; close: () => Promise<void> }> {
  const server = createServer((request, response) => {
    request.resume().on('end', () => response.writeHead(400).end(JSON.stringify({ __type: 'AccessDeniedException', message: 'no' })));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const refusing = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
  const credentials = { accessKeyId: 'a', secretAccessKey: 'b' };
  const refusingClient = new SecretsManagerClient({ endpoint: refusing, region: moto.region, credentials, maxAttempts: 1 });
  const goneClient = new SecretsManagerClient({ endpoint: 'http://127.0.0.1:1', region: moto.region, credentials, maxAttempts: 1 });
  return {
    broken: [
      { how: 'access denied', store: storeIn(moto, secretId, { client: refusingClient }) },
      { how: 'unreachable', store: storeIn(moto, secretId, { client: goneClient }) },
      { how: 'no such secret', store: storeIn(moto, secretId, { secretId: `${secretId}-none` }), writesOnly: true },
    ],
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

export async function jsonHarness(moto: Moto): Promise<StoreHarness> {
  const outside = await new Outside(moto).create(`{ "big": 12345678901234567890, "api":"${FIRST_VALUE}",\n "db" : {"api": "x", "n": [1, 2.0]}, "other":"${NEIGHBOUR_VALUE}" }`);
  const { broken, close } = await brokenStores(moto, outside.id);
  const fresh = new Outside(moto);
  return {
    place: fieldPlace(moto, outside, 'api'),
    neighbour: fieldPlace(moto, outside, 'other'),
    empty: { ...fieldPlace(moto, fresh, 'api'), store: storeIn(moto, fresh.id, { field: 'api', createIfMissing: true }) },
    bystanders: async () => (await outside.text())?.replace(/"(api|other)"(\s*):(\s*)"hm_[^"]*"/g, '"$1"$2:$3"?"'),
    editOutside: async () => outside.write(((await outside.text()) ?? '').replace(/^\{/, '{"edited":true,')),
    broken,
    close,
  };
}

export async function wholeHarness(moto: Moto): Promise<StoreHarness> {
  const outside = await new Outside(moto).create(FIRST_VALUE);
  const { broken, close } = await brokenStores(moto, outside.id);
  const fresh = await new Outside(moto).create();
  return {
    place: wholePlace(moto, outside),
    neighbour: null,
    empty: wholePlace(moto, fresh),
    bystanders: async () => (await outside.client.send(new DescribeSecretCommand({ SecretId: outside.id }))).Tags ?? [],
    editOutside: async () => outside.write((await outside.text()) ?? ''),
    broken,
    close,
  };
}

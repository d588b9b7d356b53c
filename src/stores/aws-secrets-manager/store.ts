/**
 * Publishes a credential in AWS Secrets Manager: the whole of a secret, or one field of a JSON secret.
 * Protocol: docs/writing-a-store.md, "aws-secrets-manager".
 */
import type { Secret } from '../../core/secret.ts';
import type { PromoteRequest, SecretStore, StoreProblem, StoreSlot, StoreView } from '../../ports/store.ts';
import { apiOf, connect, type Connection } from './api.ts';
import { documentOf, type Document } from './document.ts';
import { refuseUnreadable, type Operation } from './operation.ts';
import { placeOf, type Place, type SecretsManagerOptions } from './options.ts';
import { probeSecret } from './probe.ts';
import { promoteValue } from './promote.ts';
import { retireSlots } from './retire.ts';
import { gather, viewOf } from './snapshot.ts';
import { stageValue } from './stage.ts';

const CALL_TIMEOUT_MS = 15_000;

/** Makes a store; nothing is loaded or called until it is used. Errors: STORE_*, see errors.ts. */
export function createSecretsManagerStore(options: SecretsManagerOptions): SecretStore {
  return new SecretsManagerStore(options);
}

class SecretsManagerStore implements SecretStore {
  readonly name: string;
  readonly type = 'aws-secrets-manager';
  readonly capabilities = { stage: true, backup: false };
  readonly callTimeoutMs: number;
  readonly location: string;
  readonly describe: string;
  readonly #options: SecretsManagerOptions;
  readonly #place: Place;
  readonly #document: Document;
  #connection: Promise<Connection> | null = null;

  constructor(options: SecretsManagerOptions) {
    this.#options = options;
    this.#place = placeOf(options);
    this.#document = documentOf(this.#place.field);
    this.name = options.name;
    this.callTimeoutMs = options.callTimeoutMs ?? CALL_TIMEOUT_MS;
    this.location = this.#place.location;
    this.describe = this.#place.describe;
  }

  async probe(signal: AbortSignal): Promise<readonly StoreProblem[]> {
    return probeSecret(await this.#operation(signal));
  }

  async read(signal: AbortSignal): Promise<StoreView> {
    const { api, place, document } = await this.#operation(signal);
    const snapshot = await gather(api, place);
    refuseUnreadable(snapshot, place);
    return viewOf(snapshot, place, document);
  }

  async stage(attempt: string, value: Secret, signal: AbortSignal): Promise<void> {
    await stageValue(await this.#operation(signal), attempt, value);
  }

  async promote(request: PromoteRequest, signal: AbortSignal): Promise<void> {
    await promoteValue(await this.#operation(signal), request);
  }

  async retire(select: (slot: StoreSlot) => boolean, why: 'superseded' | 'rejected', signal: AbortSignal): Promise<void> {
    await retireSlots(await this.#operation(signal), select, why);
  }

  async close(): Promise<void> {
    const connection = await this.#connection?.catch(() => null);
    if (this.#options.client === undefined) connection?.client.destroy();
  }

  async #operation(signal: AbortSignal): Promise<Operation> {
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(this.callTimeoutMs)]);
    this.#connection ??= connect(this.#options);
    const api = apiOf(await this.#connection, this.#place, deadline);
    return { api, place: this.#place, document: this.#document, options: this.#options };
  }
}

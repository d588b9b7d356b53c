import { revokeKey } from './account.ts';
import { inspect as inspectAccount, mintForPerson, summarize } from './inspection.ts';
import type { Inspection, KeyLife, PersonsKey, RequestSummary } from './inspection.ts';
import { parseFaults } from './faults/schema.ts';
import type { FaultRule } from './faults/schema.ts';
import type { FaultStatus } from './faults/engine.ts';
import type { Plan } from './plans.ts';
import type { Service } from './serve.ts';
import { transaction } from './tables/database.ts';

/** A sandbox that answers. It holds the admin key but never prints it: `console.log` and JSON show only the URL. */
export class RunningSandbox {
  /** Without a slash at the end. */
  readonly url: string;
  /** Where the admin key is written (mode 0600), or null without a data directory. */
  readonly adminKeyFile: string | null;
  readonly #adminKey: string;
  readonly #service: Service;
  readonly #close: () => Promise<void>;

  constructor(parts: { readonly url: string; readonly adminKeyFile: string | null; readonly adminKey: string; readonly service: Service; readonly close: () => Promise<void> }) {
    this.url = parts.url;
    this.adminKeyFile = parts.adminKeyFile;
    this.#adminKey = parts.adminKey;
    this.#service = parts.service;
    this.#close = parts.close;
  }

  get adminKey(): string {
    return this.#adminKey;
  }

  /** Every key ever minted, with its life. */
  async inspect(): Promise<Inspection> {
    return inspectAccount(this.#service.account);
  }

  /** Counters of one key, or of everything. */
  async requests(keyId?: string): Promise<RequestSummary> {
    return summarize(this.#service.account, keyId);
  }

  /** Replaces all fault rules; an empty list ends them. Throws a `SandboxError` (`FAULTS_INVALID`). */
  async setFaults(rules: readonly FaultRule[]): Promise<void> {
    this.#service.faults.set(parseFaults(rules));
  }

  /** The rules that are set, and how often each matched and struck. */
  async faults(): Promise<readonly FaultStatus[]> {
    return this.#service.faults.status();
  }

  /** Mints a key as a person would in the dashboard. Throws where the API would refuse. */
  async mintKey(key: PersonsKey): Promise<KeyLife & { readonly key: string }> {
    return mintForPerson(this.#service.account, key);
  }

  /** Revokes a key as a person would in the dashboard. False when it is unknown or dead already. */
  async revokeKey(id: string): Promise<boolean> {
    const { account } = this.#service;
    return transaction(account.db, () => revokeKey(account, id));
  }

  /** As if somebody had changed the plan in Settings → Billing. */
  async setPlan(plan: Plan): Promise<void> {
    this.#service.account.setPlan(plan);
  }

  /** Stops within moments: open connections are closed, effects that have not landed yet never do. */
  async close(): Promise<void> {
    await this.#close();
  }
}

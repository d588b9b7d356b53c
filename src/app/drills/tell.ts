import { channelsFor } from '../../config/index.ts';
import type { Notice } from '../../core/vocabulary.ts';
import type { Change, CredentialRecord } from '../../ports/ledger.ts';
import type { Context } from '../context.ts';

/** The notice, for the people who hear of the real credential. */
export function told({ config }: Pick<Context, 'config'>, { name, owner, plan }: CredentialRecord, notice: Notice): NonNullable<Change['notices']> {
  const { labels, notify } = plan;
  return [{ notice, channels: channelsFor(config(), { credential: name, owner, labels, ...(notify === undefined ? {} : { notify }) }, notice.severity) }];
}

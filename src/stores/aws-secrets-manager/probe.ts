/** What can be known of a secret without changing it. There is no dry run: the right to write shows at the first write. */
import type { DescribeSecretResponse } from '@aws-sdk/client-secrets-manager';
import { KeyturnError } from '../../core/errors.ts';
import type { StoreProblem } from '../../ports/store.ts';
import { missing, refuseUnreadable, type Operation } from './operation.ts';
import { arnRegion, type Place, type SecretsManagerOptions } from './options.ts';
import { foreignPending, gather, valueOf } from './snapshot.ts';
import { foreignConflict } from './stage.ts';

/** Problems with their remedies. Throws only STORE_UNAVAILABLE. */
export async function probeSecret(operation: Operation): Promise<readonly StoreProblem[]> {
  try {
    return await findProblems(operation);
  } catch (thrown) {
    if (thrown instanceof KeyturnError && thrown.code !== 'STORE_UNAVAILABLE') return [fatal(thrown.sentence)];
    throw thrown;
  }
}

async function findProblems({ api, place, document, options }: Operation): Promise<readonly StoreProblem[]> {
  const snapshot = await gather(api, place);
  if (snapshot.described === null) return options.createIfMissing === true ? [] : [fatal(missing(place).sentence)];
  refuseUnreadable(snapshot, place);
  if (snapshot.current !== null) valueOf(document, snapshot.current);
  const foreign = foreignPending(snapshot);
  const pending = foreign === null ? [] : [fatal(foreignConflict(place, foreign.id).sentence)];
  return [...ownershipProblems(snapshot.described, place), ...keyProblems(snapshot.described, options, place), ...pending];
}

function ownershipProblems(described: DescribeSecretResponse, place: Place): readonly StoreProblem[] {
  const here = arnRegion(described.ARN ?? '');
  const problems: StoreProblem[] = [];
  if (described.PrimaryRegion && described.PrimaryRegion !== here) {
    problems.push(fatal(`The ${place.secret} is a replica of one in ${described.PrimaryRegion}, and replicas cannot be written. Set \`region: ${described.PrimaryRegion}\` on the store.`));
  }
  if (described.RotationEnabled === true) {
    problems.push(fatal(`Secrets Manager rotates the ${place.secret} by itself, so two rotations would fight over it. Turn that off: aws secretsmanager cancel-rotate-secret --secret-id ${place.secretId}`));
  }
  if (described.OwningService) {
    problems.push(fatal(`The ${place.secret} is managed by ${described.OwningService}, which alone may write it. Use a secret of your own.`));
  }
  return problems;
}

function keyProblems(described: DescribeSecretResponse, { kmsKeyId }: SecretsManagerOptions, place: Place): readonly StoreProblem[] {
  if (kmsKeyId === undefined || described.KmsKeyId === undefined || described.KmsKeyId.includes(kmsKeyId)) return [];
  return [{ fatal: false, message: `The ${place.secret} is encrypted with ${described.KmsKeyId}, not with the configured \`kmsKeyId\`, which applies only to secrets that Keyturn creates. Change the key in AWS, or the configuration.` }];
}

function fatal(message: string): StoreProblem {
  return { fatal: true, message };
}

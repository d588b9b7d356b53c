import { z } from 'zod';
import { LONGEST_CALL_MS } from './limits.ts';
import { duration, flag, path, text, url, variable } from './leaves.ts';

const timeout = duration(100, LONGEST_CALL_MS);

const secretsManager = z
  .strictObject({
    type: z.literal('aws-secrets-manager').describe('AWS Secrets Manager.'),
    region: text.optional().describe('AWS region; without it, what the AWS SDK finds.'),
    endpoint: url.optional().describe('Another endpoint than AWS’s own, such as a VPC endpoint.'),
    kmsKeyId: text.optional().describe('KMS key of secrets that Keyturn creates; AWS’s own key without it.'),
    tags: z.record(text, z.string()).optional().describe('Tags of secrets that Keyturn creates.'),
    createIfMissing: flag.prefault(false).describe('Create a secret that does not exist.'),
    timeout: timeout.prefault('15s').describe('The longest that one call may take, its retries included; at most 1m.'),
  })
  .meta({ title: 'aws-secrets-manager' });

/** As `chmod` has it. YAML would read an unquoted 0640 as six hundred and forty. */
const mode = z
  .string('is no file mode (expected octal digits in quotes, such as "0640")')
  .regex(/^0?[0-7]{3}$/, 'is no file mode (expected three octal digits, such as "0640")')
  .transform((digits) => Number.parseInt(digits, 8));

const envFile = z
  .strictObject({
    type: z.literal('env-file').describe('A file of `NAME=value` lines.'),
    path: path.optional().describe('The file; a credential may name another. Relative to this configuration file.'),
    mode: mode.prefault('0600').describe('Mode of a file that Keyturn creates, in quotes. Existing files keep theirs.'),
    createIfMissing: flag.prefault(false).describe('Create a file that does not exist; its directory must.'),
    timeout: timeout.prefault('10s').describe('The longest that one call may take, waiting for the file’s lock included; at most 1m.'),
  })
  .meta({ title: 'env-file' });

export const store = z.discriminatedUnion('type', [secretsManager, envFile]);
export type StoreConfig = z.output<typeof store>;

/** Where in a store a credential is kept. Which fields apply depends on the store's type. */
export const place = z.strictObject({
  store: text.describe('Name of the store.'),
  record: flag.optional().describe('Make this the store of record, where a new key waits before it is published. Needed when several stores of the credential can stage.'),
  secretId: text.optional().describe('aws-secrets-manager: name or ARN of the secret.'),
  field: text.optional().describe('aws-secrets-manager: the field of a JSON secret; without it the secret is the key.'),
  variable: variable.optional().meta({ description: 'env-file: the variable that holds the key.', default: 'HYPERMEMORY_API_KEY' }),
  backupVariable: z.union([z.literal('none'), variable], 'is no name of a variable (expected letters, digits and "_", or none)').optional().meta({ description: 'env-file: the variable that holds the old key while it still lives, or `none`.', 'x-default': '`<variable>_BACKUP`' }),
  path: path.optional().describe('env-file: the file, where the store names none or another.'),
});
export type PlaceConfig = z.output<typeof place>;

/** Fields of a place by the type of its store. */
export const PLACE_FIELDS: Readonly<Record<StoreConfig['type'], readonly (keyof PlaceConfig)[]>> = {
  'aws-secrets-manager': ['secretId', 'field'],
  'env-file': ['variable', 'backupVariable', 'path'],
};

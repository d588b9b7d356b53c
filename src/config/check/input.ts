import type { ParsedConfig } from '../schema.ts';
import type { Path } from '../tree.ts';

/** What the checks across fields look at. */
export interface CheckInput {
  /** Entries that do not fit the schema are left out: they have been reported already. */
  readonly config: ParsedConfig;
  /** The whole file, references expanded. */
  readonly tree: unknown;
}

export interface Remark {
  readonly path: Path;
  readonly message: string;
  readonly atKey?: boolean;
  /** Worth saying, but no reason to refuse the file. */
  readonly warning?: true;
}

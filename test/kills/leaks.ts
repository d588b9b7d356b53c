/** Is a whole key written anywhere that it must not be? Files of Keyturn, and everything that its databases hold. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { openEmbedded } from '../../src/ledger/embedded.ts';

/**
 * A whole key, plain, in hexadecimal or in base64 (at each of three alignments). Its first 8 characters are no secret, and PostgreSQL's pages lay texts of a JSON
 * document side by side: the prefix in an audit event of broken glass is followed by the record's id, a ULID.
 */
const WHOLE_KEY = /hm_live_(?!0[0-9A-HJKMNP-TV-Z]{25})[0-9A-Za-z]{16,}|686d5f6c6976655f[0-9a-f]{32,}|(?:aG1fbGl2ZV|htX2xpdmVf|obV9saXZlX)[0-9A-Za-z+/]{20,}/;

export function holdsKey(text: string): boolean {
  return WHOLE_KEY.test(text);
}

/** The files under a directory that hold a whole key; a directory that is not there holds none. */
export function leakingFiles(directory: string): readonly string[] {
  return filesUnder(directory).filter((file) => holdsKey(readFileSync(file, 'latin1')));
}

function filesUnder(directory: string): readonly string[] {
  if (statSync(directory, { throwIfNoEntry: false }) === undefined) return [];
  return readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

/** All rows of all tables of an embedded ledger, as text: on disk, PostgreSQL may have compressed them. Nobody else may hold it. */
export async function embeddedDump(dataDir: string): Promise<string> {
  const { pool, close } = await openEmbedded(join(dataDir, 'ledger'));
  try {
    const { rows } = await pool.query("select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname not in ('pg_catalog', 'information_schema')");
    const tables: string[] = [];
    for (const { name } of rows) {
      const all = await pool.query(`select t::text as row from ${String(name)} t`);
      tables.push(`${String(name)}\n${all.rows.map(({ row }) => String(row)).join('\n')}`);
    }
    return tables.join('\n');
  } finally {
    await close();
  }
}

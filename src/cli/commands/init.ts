import { readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { CommandSpec } from '../command.ts';
import { KeyturnError } from '../../core/errors.ts';

export const init: CommandSpec = {
  name: 'init',
  group: 'Set up',
  summary: 'Write a commented keyturn.yaml to start from',
  details: 'Asks nothing and touches no other file. Refuses to overwrite.',
  options: [['--force', 'overwrite the file that is there']],
  async run(cli, given) {
    const { TEMPLATE } = await import('../template.ts');
    try {
      await writeFile(cli.configPath, TEMPLATE, { flag: given.flag('force') ? 'w' : 'wx', mode: 0o644 });
    } catch (error) {
      throw refusal(cli.configPath, error);
    }
    if (cli.json) {
      cli.out.json({ written: cli.configPath });
      return 0;
    }
    cli.out.line(`Wrote ${cli.configPath}. Next:`);
    cli.out.line('  1. Edit it: issuer, stores and credentials are marked.');
    cli.out.line(`  2. keyturn validate, then keyturn doctor, then keyturn up${basename(cli.configPath) === 'keyturn.yaml' ? '' : `, each with --config ${cli.configPath}`}.`);
    const ignored = await readFile(join(dirname(cli.configPath), '.gitignore'), 'utf8').catch(() => '');
    if (!/^\/?\.keyturn\/?\s*$/m.test(ignored)) cli.out.line('  Add `.keyturn/` to .gitignore: the ledger of an embedded worker lives there.');
    return 0;
  },
};

function refusal(path: string, error: unknown): KeyturnError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
  if (code === 'EEXIST') return new KeyturnError('USAGE', `${path} exists already, and was left as it is.`, { todo: 'Use --force to overwrite it, or --config to write another file.', effect: 'none' });
  return new KeyturnError('USAGE', `${path} cannot be written (${code}).`, { todo: 'Name a file in a directory that exists and is yours, with --config.', cause: error, effect: 'none' });
}

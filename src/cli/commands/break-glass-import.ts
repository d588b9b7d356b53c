import type { CommandSpec } from '../command.ts';
import { KeyturnError } from '../../core/errors.ts';

export const breakGlassImport: CommandSpec = {
  name: 'break-glass import',
  group: 'Change',
  summary: 'Take in a record of `revoke --direct` that was made elsewhere, or is not signed',
  details: 'The worker asks the issuer whether the key is dead; only then the record is taken in, once: it goes into the audit log, the key is marked as revoked, and a credential whose key it was gets a new one. Records in the data directory of a worker are taken in by themselves, if they are signed.',
  args: [['<file>', 'the record']],
  options: [
    ['--yes', 'vouch for a record that is not signed, without being asked'],
    ['--reason <text>', 'why, for the audit log'],
  ],
  exits: { 0: 'taken in, now or before', 1: 'not confirmed; refused; or the issuer does not say that the key is dead' },
  async run(cli, given) {
    const [{ readBounded }, { parseRecord }, { clean }] = await Promise.all([import('../../app/break-glass/folder.ts'), import('../../app/break-glass/text.ts'), import('../clean.ts')]);
    const text = read(given.args[0] ?? '', readBounded);
    const record = parseRecord(text);
    const unsigned = record.mac === null;
    if (unsigned && !given.flag('yes')) {
      if (!cli.out.canAsk) throw new KeyturnError('USAGE', 'The record is not signed, and nobody can be asked here whether they vouch for it.', { effect: 'none', todo: 'Add --yes if you do.' });
      cli.out.note(clean(`It is not signed. It says that ${record.who} revoked ${record.keyId} (${record.name}) of ${record.issuer} on ${record.askedAt}: ${record.why}`));
      const { ask } = await import('../ask.ts');
      if (!(await ask('Do you vouch for it?'))) {
        cli.out.note('Nothing was taken in.');
        return 1;
      }
    }
    const client = await cli.worker();
    const taken = await client.takeRecord({ record: text, unsigned }, cli.actor(given.text('reason') ?? ''));
    if (cli.json) cli.out.json(taken);
    else if (!cli.out.interactive) cli.out.line([taken.id, taken.outcome, taken.rotationId ?? '-', taken.detail].map(clean).join('\t'));
    else cli.out.line(clean(`${taken.outcome === 'not_dead' ? 'Not taken in' : 'Taken in'}: ${taken.detail}.${taken.rotationId === null ? '' : ` Follow it: \`keyturn rotations show ${taken.rotationId}\`.`}`));
    return taken.outcome === 'not_dead' ? 1 : 0;
  },
};

function read(path: string, readBounded: (path: string) => string): string {
  try {
    return readBounded(path);
  } catch (error) {
    throw new KeyturnError('USAGE', `${path} cannot be read: ${error instanceof Error ? error.message : String(error)}.`, { effect: 'none', todo: 'Name the file that `keyturn revoke --direct` wrote.' });
  }
}

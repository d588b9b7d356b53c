import type { CommandSpec } from '../command.ts';
import { KeyturnError } from '../../core/errors.ts';

export const adopt: CommandSpec = {
  name: 'adopt',
  group: 'Change',
  summary: 'Take an existing key as the current key of a credential',
  details: 'Without --key-id or --name the configuration says which key it is. The binding is proved by a call with the stored value; until then the key is never revoked automatically.',
  args: [['<credential>', 'the credential that the key belongs to']],
  options: [
    ['--key-id <id>', 'the key\'s id at the issuer (`keyturn keys` lists them)'],
    ['--name <name>', 'the key\'s name at the issuer'],
    ['--reason <text>', 'why, for the audit log'],
  ],
  async run(cli, given) {
    const [keyId, name] = [given.text('keyId'), given.text('name')];
    if (keyId !== undefined && name !== undefined) {
      throw new KeyturnError('USAGE', 'Name the key by --key-id or by --name, not by both.', { todo: '`keyturn keys` lists both.' });
    }
    const client = await cli.worker();
    const key = await client.adopt({ credential: given.args[0] ?? '', ...(keyId === undefined ? {} : { keyId }), ...(name === undefined ? {} : { name }) }, cli.actor(given.text('reason') ?? ''));
    const { clean } = await import('../clean.ts');
    if (cli.json) cli.out.json(key);
    else cli.out.line(clean(`Adopted ${key.name} (${key.issuerKeyId}, ${key.prefix}…) as the current key of ${given.args[0]}: ${key.state}.`));
    return 0;
  },
};

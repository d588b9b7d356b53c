import type { Client } from '../../api/client.ts';
import type { Cli, CommandSpec } from '../command.ts';
import { KeyturnError } from '../../core/errors.ts';

export const revoke: CommandSpec = {
  name: 'revoke',
  group: 'Change',
  summary: 'Emergency: revoke every live key of a credential at once, then replace it',
  details: 'For a key that has leaked. Waits for no window, pause or other rotation. Applications fail from the revocation until the replacement is published. Asks first on a terminal.',
  args: [['<credential>', 'the credential whose key leaked']],
  options: [
    ['--reason <text>', 'why, for the audit log (required)'],
    ['--yes', 'do not ask'],
    ['--wait', 'show each step as it happens'],
    ['--timeout <duration>', 'with --wait: stop watching after this long, e.g. 90s, 10m (the revocation goes on)'],
  ],
  exits: { 0: 'requested; with --wait: done', 1: 'not confirmed; with --wait: not done', 4: 'with --wait: blocked, a person must act', 130: 'Ctrl-C during --wait: the revocation goes on' },
  async run(cli, given) {
    const reason = (given.text('reason') ?? '').trim();
    if (reason === '') throw new KeyturnError('USAGE', 'A revocation wants a --reason, for the audit log.', { todo: 'For example --reason "pasted into a public repository".' });
    const credential = given.args[0] ?? '';
    const { timeoutOf, requested } = await import('../requested.ts');
    const timeoutMs = timeoutOf(given);
    const client = await cli.worker();
    if (!given.flag('yes') && !(await confirmed(cli, client, credential))) {
      cli.out.note('Nothing was revoked.');
      return 1;
    }
    return requested(cli, client, [await client.revoke(credential, cli.actor(reason))], { wait: given.flag('wait'), timeoutMs });
  },
};

/** Says what will happen and asks. Throws USAGE where nobody can be asked, UNKNOWN_CREDENTIAL before asking. */
async function confirmed(cli: Cli, client: Client, credential: string): Promise<boolean> {
  if (!cli.out.canAsk) {
    throw new KeyturnError('USAGE', 'A revocation cannot be taken back, and nobody can be asked here.', { todo: 'Add --yes if that is what you want.' });
  }
  const [{ ask }, { clean }, { declared }] = await Promise.all([import('../ask.ts'), import('../clean.ts'), import('../declared.ts')]);
  const found = await declared(client, credential);
  cli.out.note(clean(`This revokes every live key of ${credential} at ${found.issuer} at once.`));
  if (found.currentKey !== null) cli.out.note(clean(`Its current key is ${found.currentKey.name} (${found.currentKey.issuerKeyId}).`));
  cli.out.note('Applications that use it fail until the replacement is published, usually');
  cli.out.note('within seconds. A revocation cannot be taken back.');
  return ask(clean(`Revoke ${credential}?`));
}

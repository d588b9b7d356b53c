import type { Client } from '../../api/client.ts';
import type { RevokeOptions } from '../../app/operations.ts';
import type { Cli, CommandSpec, Given } from '../command.ts';
import { EXIT, KeyturnError } from '../../core/errors.ts';
import { requiredReason } from '../reason.ts';

const IF_DOWN = 'If the key must die now, add --direct: docs/break-glass.md.';

export const revoke: CommandSpec = {
  name: 'revoke',
  group: 'Change',
  summary: 'Emergency: revoke every live key of a credential, or one key, at once, then replace it',
  details: 'For a key that has leaked, and with --no-replace for what is given up. Names a credential (all its live keys), or one key by the id that `keyturn keys` shows; or takes all of an owner. Waits for no window, pause or other rotation. Applications fail from the revocation until the replacement is published; where another key of the credential lives on, stores go on with that one. Shows what would happen and asks first on a terminal. docs/emergencies.md tells what happens, in order. With --direct it works while everything but the issuer is down, and leaves a record that the worker takes in (docs/break-glass.md).',
  args: [['[what]', 'the credential whose key leaked, or the id of the key']],
  options: [
    ['--reason <text>', 'why, for the audit log (required)'],
    ['--no-replace', 'create nothing in its place: the credential stays without a key until it is rotated'],
    ['--owner <owner>', 'every credential of this owner'],
    ['--as <credential|key>', 'how to read the name, where it may be both'],
    ['--issuer <issuer>', 'whose key, where several issuers know the id'],
    ['--emergency', 'what it does anyway: a revocation is always an emergency'],
    ['--yes', 'do not ask'],
    ['--wait', 'show each step as it happens'],
    ['--timeout <duration>', 'with --wait: stop watching after this long, e.g. 90s, 10m (the revocation goes on); with --direct: keep trying for this long (default 5m)'],
    ['--direct', 'break glass: revoke at the issuer past worker, queue and ledger, from the configuration alone; also by the id of a key'],
    ['--installation <id>', 'with --direct: whose keys are meant, where no data directory of a worker tells'],
    ['--record <directory>', 'with --direct: keep the record there instead of in the data directory'],
  ],
  exits: {
    0: 'requested; with --wait: done; with --direct: the issuer says that it is dead', 1: 'not confirmed, or not every credential of the owner could be revoked; with --wait: not done; with --direct: not known to be dead',
    4: 'with --wait: blocked, a person must act', 5: 'nothing of that name; with --direct: nobody knows that key', 6: 'dead already: nothing was changed',
    130: 'Ctrl-C during --wait: the revocation goes on; with --direct: it was stopped',
  },
  hints: { WORKER_UNREACHABLE: IF_DOWN, LEDGER_UNREACHABLE: IF_DOWN, LEDGER_NEWER: IF_DOWN },
  async run(cli, given) {
    const [what] = given.args;
    const owner = given.text('owner');
    if ((what === undefined) === (owner === undefined)) {
      throw new KeyturnError('USAGE', 'Name either what is to be revoked or an --owner.', { todo: 'For example `keyturn revoke prod-api-server --reason "…"`; `keyturn keys` lists ids of keys.' });
    }
    const reason = requiredReason(given, 'A revocation', 'pasted into a public repository');
    if (given.flag('direct')) return await past(cli, given, reason);
    for (const option of ['installation', 'record']) {
      if (given.text(option) !== undefined) throw new KeyturnError('USAGE', `--${option} goes with --direct.`, { todo: 'Add --direct, or leave it out.' });
    }
    const options = optionsOf(given);
    const { timeoutOf, requested } = await import('../requested.ts');
    const timeoutMs = timeoutOf(given);
    const client = await cli.worker();
    if (!(await agreed(cli, given, client, { ...options, ...(what === undefined ? {} : { what }), ...(owner === undefined ? {} : { owner }) }))) {
      cli.out.note('Nothing was revoked.');
      return EXIT.failed;
    }
    if (owner === undefined) return requested(cli, client, [await client.revoke(what ?? '', cli.actor(reason), options)], { wait: given.flag('wait'), timeoutMs });
    return ofOwner(cli, client, await client.revokeOwned(owner, options.replace !== false, cli.actor(reason)), { wait: given.flag('wait'), timeoutMs });
  },
};

/** Break glass. Throws USAGE for what needs a worker. */
async function past(cli: Cli, given: Given, reason: string): Promise<number> {
  const useless = [...(given.text('owner') === undefined ? [] : ['--owner']), ...(given.text('as') === undefined ? [] : ['--as']), ...(given.off('replace') ? ['--no-replace'] : [])];
  if (useless.length > 0) throw new KeyturnError('USAGE', `${useless.join(' and ')} cannot be had with --direct, which asks no ledger.`, { todo: 'Name the credential, or the id of the key.' });
  return await (await import('../direct.ts')).direct(cli, given, reason);
}

/** Throws USAGE. */
function optionsOf(given: Given): RevokeOptions {
  const [as, issuer] = [given.text('as'), given.text('issuer')];
  if (as !== undefined && as !== 'credential' && as !== 'key') throw new KeyturnError('USAGE', '--as takes credential or key.', { todo: 'For example --as key.' });
  return { ...(as === undefined ? {} : { as }), ...(issuer === undefined ? {} : { issuer }), ...(given.off('replace') ? { replace: false } : {}) };
}

/** The plan of an owner's credentials is shown in any case. Throws USAGE where nobody can be asked, what the worker answers before asking. */
async function agreed(cli: Cli, given: Given, client: Client, question: Parameters<Client['revocationPlan']>[0]): Promise<boolean> {
  const yes = given.flag('yes');
  if (yes && question.owner === undefined) return true;
  if (!yes && !cli.out.canAsk) {
    throw new KeyturnError('USAGE', 'A revocation cannot be taken back, and nobody can be asked here.', { todo: 'Add --yes if that is what you want.' });
  }
  const [{ ask }, { clean }, { showPlan }] = await Promise.all([import('../ask.ts'), import('../clean.ts'), import('../revocation-view.ts')]);
  showPlan(cli.out, await planOf(client, question));
  if (yes) return true;
  cli.out.note('A revocation cannot be taken back.');
  return ask(clean(`Revoke ${question.owner === undefined ? (question.what ?? '') : `all of ${question.owner}`}?`));
}

/** Of a name that is unknown the nearest one is said. */
async function planOf(client: Client, question: Parameters<Client['revocationPlan']>[0]): ReturnType<Client['revocationPlan']> {
  try {
    return await client.revocationPlan(question);
  } catch (error) {
    if (error instanceof KeyturnError && error.code === 'UNKNOWN_CREDENTIAL' && question.as !== 'key') {
      const { declared } = await import('../declared.ts');
      await declared(client, question.what ?? '');
    }
    throw error;
  }
}

async function ofOwner(cli: Cli, client: Client, answers: Awaited<ReturnType<Client['revokeOwned']>>, { wait, timeoutMs }: { readonly wait: boolean; readonly timeoutMs: number }): Promise<number> {
  const { showOwned } = await import('../revocation-view.ts');
  const rotations = answers.flatMap(({ requested }) => (requested === null ? [] : [requested.rotation]));
  const watches = wait && rotations.length > 0;
  const exit = showOwned(cli.out, cli.json && !watches, answers);
  if (!watches) return exit;
  const { watch } = await import('../watch.ts');
  return Math.max(exit, await watch(cli, client, rotations, timeoutMs));
}

import type { CommandSpec } from '../command.ts';
import { KeyturnError } from '../../core/errors.ts';

export const leaksIntake: CommandSpec = {
  name: 'leaks intake',
  group: 'Change',
  summary: 'Report what a scanner found: `trufflehog … --json | keyturn leaks intake -`',
  details: 'Reads TruffleHog\'s JSON lines and has the worker look for keys of yours among them; those are revoked at once unless the source is set to `respond: tell`. Needs a leak source of type trufflehog in the configuration. Values are not kept. Mind what you scan: a key that lies where applications read it has not leaked.',
  args: [['<file>', '`-` for standard input, or a file']],
  options: [['--source <name>', 'the leak source of type trufflehog that these belong to (default trufflehog)']],
  exits: { 0: 'taken, whatever was found', 1: 'some lines were not understood; the others were taken' },
  async run(cli, given) {
    const [{ createReadStream }, { intake }] = await Promise.all([import('node:fs'), import('../leaks-intake.ts')]);
    const file = given.args[0] ?? '-';
    const source = given.text('source') ?? 'trufflehog';
    const client = await cli.worker();
    // Only now: a stream that nobody reads yet ends the process when its file cannot be opened.
    const input = file === '-' ? process.stdin : createReadStream(file);
    const counts = await intake(input, (body) => client.reportLeaks(source, body)).catch((error: unknown) => { throw unreadable(file, error); });
    const { leaks, ours, alike, notUnderstood } = counts;
    const { plural } = await import('../../core/phrases.ts');
    if (cli.json) cli.out.json({ source, ...counts });
    else {
      cli.out.line(`Reported ${plural(leaks, 'leaked secret')}: ${ours} of yours, ${alike} like keys of your issuers that Keyturn does not know.`);
      if (ours + alike > 0) cli.out.note('What becomes of them: `keyturn leaks`.');
      if (notUnderstood > 0) cli.out.note(`Not understood: ${plural(notUnderstood, 'line')}. TruffleHog prints findings with --json, one a line.`);
    }
    return notUnderstood > 0 ? 1 : 0;
  },
};

function unreadable(file: string, error: unknown): unknown {
  const code = error instanceof Error && 'code' in error && 'syscall' in error ? String(error.code) : null;
  return code === null || error instanceof KeyturnError ? error : new KeyturnError('USAGE', `${file} cannot be read (${code}).`, { todo: 'Give a file that exists, or - for standard input.', effect: 'none' });
}

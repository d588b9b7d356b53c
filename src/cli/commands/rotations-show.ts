import type { KeyName, RotationDetail } from '../../app/operations.ts';
import { clean } from '../clean.ts';
import type { CommandSpec } from '../command.ts';
import { paintState } from '../states.ts';
import type { Terminal } from '../terminal.ts';
import { elapsed, relative, span } from '../times.ts';

export const rotationsShow: CommandSpec = {
  name: 'rotations show',
  group: 'Look',
  summary: 'One rotation with every step it took',
  args: [['<id>', 'its id, or the beginning of it']],
  async run(cli, given) {
    const client = await cli.worker();
    const rotation = await client.rotation(given.args[0] ?? '');
    if (cli.json) cli.out.json(rotation);
    else await show(cli.out, rotation);
    return 0;
  },
};

const keyText = (key: KeyName | null): string => (key === null ? '-' : `${key.name} (${key.issuerKeyId}, ${key.prefix}…)`);

async function show(out: Terminal, rotation: RotationDetail): Promise<void> {
  const when = (iso: string | null): string => (iso === null || !out.interactive ? (iso ?? '-') : `${relative(iso)} (${iso})`);
  const facts: readonly (readonly [string, string])[] = [
    ['rotation', rotation.id],
    ['credential', `${rotation.credential} at ${rotation.issuer}`],
    ['kind', `${rotation.kind}, ${rotation.path}`],
    ['state', paintState(out.colors, `${rotation.state} (${clean(rotation.reason)})`, rotation.state)],
    ['asked by', `${rotation.requestedBy}${rotation.why === '' ? '' : `: ${rotation.why}`}`],
    ['old key', keyText(rotation.oldKey)],
    ['new key', keyText(rotation.newKey)],
    ['started', when(rotation.createdAt)],
    rotation.finishedAt === null ? ['looks again', when(rotation.wakeAt)] : ['ended', when(rotation.finishedAt)],
  ];
  for (const [name, value] of facts) out.line(out.interactive ? `${out.colors.dim(name.padEnd(11))} ${name === 'state' ? value : clean(value)}` : `${name}\t${clean(value)}`);
  out.line('');
  await history(out, rotation);
  for (const debt of rotation.debts) {
    out.line(clean(`Key ${debt.issuerKeyId} is not revoked yet (${debt.cause}, for ${span(debt.ageMs)}, ${debt.attempts} tries${debt.lastError === null ? '' : `: ${debt.lastError}`}).`));
  }
}

async function history(out: Terminal, rotation: RotationDetail): Promise<void> {
  const { list } = await import('../table.ts');
  const start = Date.parse(rotation.createdAt);
  await list(out, false, rotation.history, [
    { head: 'AT', exact: (row) => row.at, shown: (row) => elapsed(Date.parse(row.at) - start) },
    { head: 'STATE', exact: (row) => row.to, paint: (colors, text, row) => paintState(colors, text, row.to) },
    { head: 'REASON', exact: (row) => row.reason },
    { head: 'WORKER', exact: (row) => row.worker, drop: 1 },
    { head: 'MESSAGE', exact: (row) => row.message, wraps: true },
  ], 'No step yet.');
}

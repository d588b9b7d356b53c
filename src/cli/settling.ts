/** `doctor --settle`: shows the plan, asks, and has the worker carry it out, one finding after the other. */
import type { Client } from '../api/client.ts';
import type { Finding, SettledFinding } from '../app/operations.ts';
import { EXIT, KeyturnError } from '../core/errors.ts';
import { clean } from './clean.ts';
import type { Cli, Given } from './command.ts';
import { wrap, type Terminal } from './terminal.ts';

type Settling = Finding & { readonly settle: NonNullable<Finding['settle']> };

/** Gives the exit code: 0 once nothing of what was found is a problem any more. */
export async function settle(cli: Cli, given: Given): Promise<number> {
  const sure = given.flag('yes');
  if (!sure && (cli.json || !cli.out.canAsk)) {
    throw new KeyturnError('USAGE', 'To settle may revoke keys and write to stores, and nobody can be asked here.', { todo: 'See the plan with `keyturn doctor --json`, then add --yes.' });
  }
  const client = await cli.worker();
  const findings = await client.doctor();
  const plan = findings.filter((finding): finding is Settling => finding.settle !== undefined);
  const others = findings.filter((finding) => finding.settle === undefined && (finding.level === 'problem' || finding.leftAlone !== undefined));
  if (!cli.json) showPlan(cli.out, plan, others);
  if (plan.length > 0 && !sure && !(await asked(plan.length))) {
    cli.out.note('Nothing was settled.');
    return EXIT.failed;
  }
  const results = await carryOut(cli, client, plan, given.text('reason') ?? '');
  if (cli.json) cli.out.json({ settled: results, leftAlone: others });
  const undone = results.some(({ outcome }) => outcome === 'failed' || outcome === 'left_alone');
  return undone || others.some((finding) => finding.level === 'problem') ? EXIT.failed : EXIT.ok;
}

async function asked(count: number): Promise<boolean> {
  const { ask } = await import('./ask.ts');
  return await ask(`Settle ${count === 1 ? 'it' : `these ${count}`}?`);
}

async function carryOut(cli: Cli, client: Client, plan: readonly Settling[], reason: string): Promise<readonly SettledFinding[]> {
  const results: SettledFinding[] = [];
  for (const finding of plan) {
    const [result] = await client.settle([finding.settle.id], cli.actor(reason));
    if (result === undefined) continue;
    results.push(result);
    if (!cli.json) showResult(cli.out, finding, result);
  }
  return results;
}

function showPlan(out: Terminal, plan: readonly Settling[], others: readonly Finding[]): void {
  if (!out.interactive) {
    for (const { name, settle, message } of plan) out.line(['would', name, message, settle.does, settle.safe].map(clean).join('\t'));
    for (const { name, message, leftAlone } of others) out.line(['left alone', name, message, leftAlone ?? 'nothing to settle'].map(clean).join('\t'));
    return;
  }
  if (plan.length === 0) out.line(out.colors.green('Nothing to settle.'));
  for (const { name, settle, message } of plan) {
    block(out, out.colors.yellow('→'), `${name}: ${message}`);
    block(out, ' ', `Would ${settle.does}. Safe, because ${settle.safe}.`);
  }
  for (const { name, message, leftAlone } of others) {
    block(out, out.colors.dim('·'), `${name}: ${message}`);
    block(out, ' ', leftAlone === undefined ? 'Left to you.' : `Left alone, because ${leftAlone}.`);
  }
}

const MARKS: Readonly<Record<string, 'green' | 'yellow' | 'red'>> = { settled: 'green', in_order: 'green', left_alone: 'yellow', failed: 'red' };

function showResult(out: Terminal, { name }: Finding, { outcome, detail }: SettledFinding): void {
  if (!out.interactive) return out.line([outcome, name, detail].map(clean).join('\t'));
  block(out, out.colors[MARKS[outcome] ?? 'yellow'](outcome === 'failed' ? '✗' : outcome === 'left_alone' ? '!' : '✓'), `${name}: ${detail}.`);
}

function block(out: Terminal, mark: string, text: string): void {
  wrap(clean(text).replace(/\.\.$/, '.'), out.width - 2).forEach((line, at) => out.line(`${at === 0 ? mark : ' '} ${line}`));
}

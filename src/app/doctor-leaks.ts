/** `doctor` on leak sources: whether their secrets can be read, and what they have told so far. */
import { duration } from '../core/phrases.ts';
import { describeError } from '../core/errors.ts';
import type { LeakSourceFigures } from '../ports/leak-ledger.ts';
import type { Context } from './context.ts';
import { LOOK_MS, ok, problem, warning } from './finding.ts';
import type { Finding } from './operations.ts';

const MOST_WAITING = 1_000;

export async function examineLeakSources({ ledger, leaks, leakSources }: Pick<Context, 'ledger' | 'leaks' | 'leakSources'>): Promise<readonly Finding[]> {
  const [figures, waiting, now] = await Promise.all([leaks.leakFigures(), leaks.leaks({ open: true }, MOST_WAITING), ledger.now()]);
  const found = await Promise.all(leakSources.names().map(async (name): Promise<readonly Finding[]> => {
    const told = figures.find(({ source }) => source === name);
    try {
      const takes = await leakSources.of(name)?.source.probe(AbortSignal.timeout(LOOK_MS));
      const unusable = told === undefined || told.malformed === 0 ? [] : [warning('leak source', name, `${told.malformed} entries of the last 90 days could not be understood. Compare what it sends with docs/leaks.md.`)];
      return [ok('leak source', name, `${takes ?? ''}; ${toldOf(told, now)}`), ...unusable];
    } catch (error) {
      return [problem('leak source', name, `What it reports can't be taken. ${describeError(error)}`)];
    }
  }));
  const failing = waiting.filter(({ lastError }) => lastError !== null);
  return [...found.flat(), ...(failing.length === 0 ? [] : [problem('leak source', failing[0]?.source ?? '', `${failing.length} reported leak(s) wait and could not be worked on. The newest: ${failing[0]?.lastError ?? ''} See \`keyturn leaks --open\`.`)])];
}

function toldOf(told: LeakSourceFigures | undefined, now: Date): string {
  if (told === undefined) return 'nothing was reported yet';
  return `last report ${duration(now.getTime() - told.lastAt.getTime())} ago; ${told.leaks} leaked secret(s) in 90 days, ${told.foreign} of them none of ours`;
}

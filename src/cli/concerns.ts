import { clean } from './clean.ts';
import { wrap, type Terminal } from './terminal.ts';

/** Sentences below a listing about what needs somebody; nothing where there are none. */
export function printConcerns(out: Terminal, concerns: readonly string[]): void {
  if (!out.interactive) {
    for (const concern of concerns) out.line(`# ${clean(concern)}`);
    return;
  }
  if (concerns.length > 0) out.line('');
  for (const concern of concerns) {
    wrap(clean(concern), out.width - 2).forEach((line, at) => out.line(`${at === 0 ? out.colors.yellow('! ') : '  '}${line}`));
  }
}

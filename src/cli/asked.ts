/** What people see after they asked something of a rotation. */
import type { AskedRotation } from '../app/operations.ts';
import { clean } from './clean.ts';
import type { Cli } from './command.ts';
import { wrap } from './terminal.ts';

export function printAsked({ out, json }: Cli, { rotation, already, next }: AskedRotation): void {
  if (json) return out.json({ rotation, already, next });
  const { id, credential, state } = rotation;
  if (!out.interactive) out.line([credential, id, state, already ? 'already' : 'asked'].map(clean).join('\t'));
  const said = [already ? `It was asked before: rotation ${id} of ${credential} is ${state}.` : `Asked of rotation ${id} of ${credential}, which is ${state}.`, ...next, `Follow it: \`keyturn rotations show ${id}\`.`];
  for (const text of said) {
    for (const line of wrap(clean(text), out.width)) {
      if (out.interactive) out.line(line);
      else out.note(line);
    }
  }
}

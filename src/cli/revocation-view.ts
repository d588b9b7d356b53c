/** What a revocation would do, shown before it is asked for, and what came of many. */
import type { DoomedKey, OwnedRevocation, RevocationPlan } from '../app/operations.ts';
import { EXIT } from '../core/errors.ts';
import { clean } from './clean.ts';
import type { Terminal } from './terminal.ts';
import { wrap } from './terminal.ts';

const FATES: Readonly<Record<string, string>> = {
  revoked: 'revoked at once', revoked_later: 'revoked once nothing serves it', served: 'stays, and is served', dead: 'dead already',
};

const keyText = ({ issuerKeyId, name, state, fate }: DoomedKey): string => `${name} (${issuerKeyId}, ${state}): ${FATES[fate] ?? fate}`;

/** To standard error: what is asked about is not the answer of the command. */
export function showPlan(out: Terminal, plans: readonly RevocationPlan[]): void {
  const say = (text: string, indent = '', hang = ''): void => {
    for (const line of wrap(clean(text), Math.max(20, out.width - indent.length), hang)) out.note(`${indent}${line}`);
  };
  for (const { credential, issuer, owner, declared, keys, openRotation, after } of plans) {
    say(`${credential} at ${issuer}${owner === null ? '' : `, of ${owner}`}${declared ? '' : ' (not declared any more)'}:`);
    for (const key of keys) say(`- ${keyText(key)}`, '  ', '  ');
    if (keys.length === 0) say('- no living key is known', '  ');
    if (openRotation !== null) say(`Its ${openRotation.kind} rotation ${openRotation.id} (${openRotation.state}) is ended.`, '  ');
    say(after, '  ');
  }
}

/** One line for each credential of an owner, and the exit code: 1 where one could not be revoked, 6 where nothing was left of any. */
export function showOwned(out: Terminal, asJson: boolean, answers: readonly OwnedRevocation[]): number {
  if (asJson) out.json(answers);
  else for (const one of answers) out.line(ownedText(out, one));
  if (answers.some((one) => one.problem !== null && !one.nothing)) return EXIT.failed;
  return answers.every((one) => one.nothing) ? EXIT.nothing : EXIT.ok;
}

function ownedText(out: Terminal, { credential, requested, nothing, problem }: OwnedRevocation): string {
  if (!out.interactive) return [credential, requested?.rotation.id ?? '-', requested === null ? (nothing ? 'nothing' : 'failed') : requested.created ? 'requested' : 'open', problem ?? ''].map(clean).join('\t');
  if (requested === null) return clean(`${credential}: ${problem ?? ''}`);
  return clean(`${credential}: emergency rotation ${requested.rotation.id} is ${requested.created ? 'requested' : 'open already'}.`);
}

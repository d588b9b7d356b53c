/** Secrets that were written into the file. They are reported without being shown, and scrubbed from all output. */
import { Secret } from '../core/secret.ts';
import type { Problem } from './problems.ts';
import type { Source } from './source.ts';

const FORMS: readonly { readonly what: string; readonly form: RegExp; readonly holds?: (text: string) => boolean }[] = [
  { what: 'a HyperMemory key', form: /\bhm_(?:live|test)_[A-Za-z0-9_-]{6,}/g },
  { what: 'a HyperMemory key', form: /\bhm_[0-9a-fA-F]{64}\b/g },
  { what: 'a Slack token', form: /\bx(?:ox[a-z]|app)-[A-Za-z0-9-]{8,}/g },
  { what: 'an AWS access key id', form: /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g },
  { what: 'an AWS secret access key', form: /(?<![A-Za-z0-9/+=_.-])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=_.-])/g, holds: looksRandom },
  { what: 'a private key', form: /-----BEGIN [A-Z ]*PRIVATE KEY-----/g },
];

export interface Leak {
  readonly what: string;
  readonly offset: number;
}

/** What in the text looks like a secret. Each is registered, so that no message can show it. */
export function leaksIn(text: string): readonly Leak[] {
  return FORMS.flatMap(({ what, form, holds }) =>
    [...text.matchAll(form)]
      .filter(([found]) => holds === undefined || holds(found))
      .map((match) => {
        conceal(match[0]);
        return { what, offset: match.index };
      }),
  );
}

const concealed = new Set<string>();

/** From here on, no message, log line or error of this process shows this text. */
export function conceal(text: string): void {
  concealed.add(text);
  void new Secret(text);
}

/** What was concealed in this process, for another that shows messages too. */
export function concealedTexts(): readonly string[] {
  return [...concealed];
}

/** Problems for secrets anywhere in the file, comments too. */
export function leakProblems(source: Source): readonly Problem[] {
  return leaksIn(source.text).map(({ what, offset }) => ({ path: source.pathAt(offset), offset, message: leakMessage(what) }));
}

export function leakMessage(what: string): string {
  return `holds what looks like ${what}, and secrets do not belong in this file (expected \${env:NAME} or \${file:/path}); treat it as exposed and revoke it`;
}

/** Forty characters of all kinds, spread as chance spreads them: words, paths and hex digests are not. */
function looksRandom(text: string): boolean {
  if (![/[a-z]/, /[A-Z]/, /\d/].every((kind) => kind.test(text))) return false;
  const counts = [...new Set(text)].map((character) => text.split(character).length - 1);
  const entropy = counts.reduce((sum, count) => sum - (count / text.length) * Math.log2(count / text.length), 0);
  const ENOUGH_BITS = 4.3;
  return entropy >= ENOUGH_BITS;
}

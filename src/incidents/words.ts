/** Words that the parts of a report share. Pure. Text between backticks is code. */
import { keyLabel, listed, plural } from '../core/phrases.ts';
import type { IncidentReport, ReportedCaller } from './schema.ts';

export function number(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

/** `1,284 requests`. */
export function requests(count: number): string {
  return `${number(count)} request${count === 1 ? '' : 's'}`;
}

/** `2026-03-04 10:15:09 UTC`. */
export function moment(at: string): string {
  return `${at.slice(0, 19).replace('T', ' ')} UTC`;
}

/** `12 %`, `0.4 %`, `under 0.1 %`. */
export function percent(share: number): string {
  const value = share * 100;
  if (value > 0 && value < 0.1) return 'under 0.1 %';
  return `${value < 10 ? String(Number(value.toFixed(1))) : Math.round(value)} %`;
}

/** Controls, and what turns or hides text. */
const UNSHOWABLE = /[\p{Cc}\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]+/gu;
const LONGEST = 400;

/** Texts from outside stand in code, so that no form takes them for marks; their own backticks go. */
export function outside(text: string): string {
  const line = text.replaceAll(UNSHOWABLE, ' ').replaceAll('`', 'ʼ').replaceAll(/\s+/g, ' ').trim();
  return `\`${line === '' ? '–' : line.length > LONGEST ? `${line.slice(0, LONGEST - 1).replace(/[\ud800-\udbff]$/, '')}…` : line}\``;
}

/** `10.0.0.7` with `curl/8.5`. */
export function callerText({ address, program }: Pick<ReportedCaller, 'address' | 'program'>): string {
  const from = address === '' ? 'an address that the source does not tell' : outside(address);
  return program === '' ? from : `${from} with ${outside(program)}`;
}

const NAMED = 5;

export function named(texts: readonly string[]): string {
  return listed(texts.length > NAMED ? [...texts.slice(0, NAMED), `${texts.length - NAMED} more`] : texts);
}

export function keyText({ prefix, issuerKeyId }: { readonly prefix: string; readonly issuerKeyId: string }): string {
  return outside(keyLabel({ prefix, issuerKeyId }));
}

export const STATUS: Readonly<Record<IncidentReport['status'], string>> = {
  revoking: 'A key still lives',
  recovering: 'Revoked, recovering',
  held: 'Revoked, not recovered yet',
  recovered: 'Revoked and recovered',
  not_replaced: 'Revoked, not replaced',
  superseded: 'Another emergency took its place',
};

/** `2 keys`, or the key itself. */
export function keysText(keys: IncidentReport['keys']): string {
  const [only, ...more] = keys;
  return only === undefined ? 'no key' : more.length === 0 ? keyText(only) : plural(keys.length, 'key');
}

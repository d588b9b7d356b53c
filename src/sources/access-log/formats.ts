/** From a line to its raw fields, by format. Nothing is judged here; null is a line that does not fit. */
import { KeyturnError } from '../../core/errors.ts';
import { memberAt } from '../../core/usage-fields.ts';
import type { RawRecord } from '../../core/usage-record.ts';
import type { AccessLogOptions, FieldNames } from './options.ts';

export type ParseLine = (line: string) => RawRecord | null;

/** Longer lines do not go through a pattern that somebody wrote: it may take time that grows with the square of them. */
const LONGEST_MATCHED = 16_384;

const NAMES: Readonly<Record<AccessLogOptions['format'], Readonly<Required<Record<Exclude<keyof FieldNames, 'requests'>, string>>>>> = {
  json: { at: 'time', status: 'status', address: 'remote_addr', agent: 'http_user_agent' },
  nginx: { at: 'time_iso8601', status: 'status', address: 'remote_addr', agent: 'http_user_agent' },
  envoy: { at: 'start_time', status: 'response_code', address: 'downstream_remote_address', agent: 'user_agent' },
};

/** Throws CONFIG_INVALID for a pattern that is none or lacks a group. */
export function lineParser(options: AccessLogOptions): ParseLine {
  if (options.pattern !== undefined) return byPattern(options.name, options.pattern);
  const json = byFields(options);
  const text = options.format === 'nginx' ? nginx(options.key.field) : envoy(options.key.field);
  return options.format === 'json' ? json : (line) => (line.startsWith('{') ? json(line) : text(line));
}

function byFields({ format, fields, key }: AccessLogOptions): ParseLine {
  const names = { ...NAMES[format], ...Object.fromEntries(Object.entries(fields ?? {}).filter(([, name]) => name !== undefined)) } as Required<FieldNames>;
  return (line) => {
    const record = parsedObject(line);
    if (record === null) return null;
    const field = (name: string | undefined): unknown => (name === undefined ? undefined : memberAt(record, name));
    return { at: field(names.at), key: field(key.field), status: field(names.status), requests: field(names.requests), address: field(names.address), agent: field(names.agent) };
  };
}

function parsedObject(line: string): object | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}

/** `"…"` in which nginx escapes quotes and backslashes; what a caller writes can't end it. */
const QUOTED = '"((?:[^"\\\\]|\\\\.)*)"';
const COMBINED = new RegExp(`^(\\S+) - (.*?) \\[([^\\]]{1,40})\\] ${QUOTED} (\\d{3}) (?:\\d+|-)(?: ${QUOTED} ${QUOTED})?(.*)$`);
const PAIR = new RegExp(`(?:^|\\s)([A-Za-z_][\\w.-]*)=(?:${QUOTED}|([^\\s"]+))|${QUOTED}`, 'g');

/** The combined log format, and whatever `name="$variable"` a log_format puts after it. `remote_user` is a field too. */
function nginx(keyField: string): ParseLine {
  return (line) => {
    const [whole, address, user, at, , status, , agent, rest] = COMBINED.exec(line) ?? [];
    if (whole === undefined) return null;
    const key = keyField === 'remote_user' ? user : trailing(rest ?? '', keyField);
    return { at, key: unescaped(key), status, address, agent: unescaped(agent) };
  };
}

/** The last of that name: the log format's own stand at the end. */
function trailing(rest: string, name: string): string | undefined {
  let found: string | undefined;
  for (const [, pair, quoted, bare] of rest.matchAll(PAIR)) if (pair === name) found = quoted ?? bare;
  return found;
}

/** As nginx writes it: `\x22`, and `\"` of `escape=json`. */
function unescaped(text: string | undefined): string | undefined {
  if (text === undefined || !text.includes('\\')) return text;
  const bytes = text.replace(/(?:\\x[0-9A-Fa-f]{2})+/g, (run) => Buffer.from(run.replaceAll('\\x', ''), 'hex').toString('utf8'));
  return bytes.replace(/\\(["\\/])/g, '$1');
}

const ENVOY = /^\[([^\]]{1,40})\] "([^"]*)" (\d{1,3}) \S+ (?:\d+|-) (?:\d+|-) (?:\d+|-) \S+ "([^"]*)" "([^"]*)" "[^"]*" "[^"]*" "[^"]*"((?: [A-Za-z_][\w.-]*=(?:"[^"]*"|[^\s"]+))*)$/;
const ENVOY_START = /^\[([^\]]{1,40})\] "[^"]*" (\d{1,3}) /;

/**
 * Envoy's default format with `name="%REQ(…)%"` after it. Envoy does not escape quotes: a caller who sends one in a header makes
 * the line ambiguous, and must not become unseen by it. Of such a line only what stands at its two ends is taken.
 */
function envoy(keyField: string): ParseLine {
  const atEnd = new RegExp(` ${keyField.replace(/[^\w]/g, '\\$&')}="([^"]*)"$`);
  return (line) => {
    const [whole, at, , status, forwarded, agent, rest] = ENVOY.exec(line) ?? [];
    if (whole !== undefined) return { at, key: trailing(rest ?? '', keyField), status, address: lastOf(forwarded), agent };
    const [start, startAt, startStatus] = ENVOY_START.exec(line) ?? [];
    return start === undefined ? null : { at: startAt, key: atEnd.exec(line)?.[1], status: startStatus };
  };
}

/** The address that Envoy added to X-Forwarded-For itself; what stands before it is the caller's word. */
function lastOf(forwarded: string | undefined): string | undefined {
  return forwarded?.split(',').at(-1)?.trim();
}

const GROUPS = ['at', 'status', 'key'] as const;

function byPattern(source: string, pattern: string): ParseLine {
  const expression = compiled(source, pattern);
  return (line) => {
    const groups = line.length > LONGEST_MATCHED ? undefined : expression.exec(line)?.groups;
    if (groups === undefined) return null;
    const { at, key, status, requests, address, agent } = groups;
    return { at, key: unescaped(key), status, requests, address, agent: unescaped(agent) };
  };
}

function compiled(source: string, pattern: string): RegExp {
  const missing = GROUPS.filter((group) => !pattern.includes(`(?<${group}>`));
  if (missing.length > 0) throw badPattern(source, `lacks the group${missing.length === 1 ? '' : 's'} ${missing.join(', ')}`);
  try {
    return new RegExp(pattern);
  } catch {
    throw badPattern(source, 'is no regular expression');
  }
}

function badPattern(source: string, what: string): KeyturnError {
  return new KeyturnError('CONFIG_INVALID', `The pattern of usage source ${source} ${what}.`, { todo: 'Write it with groups such as (?<at>…), (?<status>…) and (?<key>…).', effect: 'none' });
}

import type { UsageSourceConfig } from '../schema/usage.ts';
import type { CheckInput, Remark } from './input.ts';

const LOOPBACK = /^(localhost|127(\.\d+){3}|\[?::1\]?|.*\.localhost)$/i;

export function checkUsage({ config }: CheckInput): readonly Remark[] {
  const sources = Object.entries(config.usage.sources);
  const single = sources.flatMap(([name, source]) => [...login(source), ...pattern(source)].map((remark) => ({ ...remark, path: ['usage', 'sources', name, ...remark.path] })));
  return [...single, ...readTwice(sources), ...retention(config.usage.retention)];
}

function login(source: UsageSourceConfig): Remark[] {
  if (source.type !== 'prometheus') return [];
  const { user, password, bearer } = source;
  const remarks: Remark[] = [];
  if ((user === undefined) !== (password === undefined)) remarks.push({ path: [user === undefined ? 'password' : 'user'], message: `stands without ${user === undefined ? 'user' : 'password'} (expected both or neither)` });
  if (bearer !== undefined && password !== undefined) remarks.push({ path: ['bearer'], message: 'stands beside password (expected one way to log in)' });
  const to = new URL(source.url);
  if ((bearer ?? password) !== undefined && to.protocol !== 'https:' && !LOOPBACK.test(to.hostname)) remarks.push({ path: ['url'], message: 'sends a secret unencrypted', warning: true });
  return remarks;
}

function pattern(source: UsageSourceConfig): Remark[] {
  if (source.type !== 'access-log' || source.pattern === undefined || Object.values(source.fields).every((field) => field === undefined)) return [];
  return [{ path: ['fields'], atKey: true, message: 'has no effect beside pattern, whose groups name the fields', warning: true }];
}

/** What is read twice counts twice. */
function readTwice(sources: readonly [string, UsageSourceConfig][]): Remark[] {
  const reads = sources.map(([name, source]) => ({ name, field: source.type === 'issuer' ? 'issuer' : 'path', what: source.type === 'issuer' ? `issuer ${source.issuer}` : source.type === 'access-log' ? `log ${source.path}` : null }));
  return reads.flatMap(({ name, field, what }, n) => {
    const first = what === null ? undefined : reads.slice(0, n).find((earlier) => earlier.what === what);
    return first === undefined ? [] : [{ path: ['usage', 'sources', name, field], message: `is read by usage source ${first.name} already, and each use would count twice (expected each at one source)` }];
  });
}

function retention({ minutes, hours }: CheckInput['config']['usage']['retention']): Remark[] {
  return hours >= minutes ? [] : [{ path: ['usage', 'retention', 'hours'], message: 'is shorter than minutes (expected at least as long)' }];
}

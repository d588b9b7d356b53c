import type { CheckInput, Remark } from './input.ts';

export function checkService({ config }: CheckInput): readonly Remark[] {
  return [...repeats(config), ...openDoors(config), ...queue(config)];
}

function repeats({ checks }: CheckInput['config']): Remark[] {
  return Object.entries(checks).flatMap(([name, check]) =>
    check.type === 'http' && check.consecutive > check.attempts
      ? [{ path: ['checks', name, 'consecutive'], message: `asks for more successes than the ${check.attempts} attempts can give (expected at most ${check.attempts}, or more attempts)` }]
      : [],
  );
}

export const LOOPBACK = /^(localhost|127(\.\d+){3}|\[?::1\]?|.*\.localhost)$/i;

/** Secrets that would cross a network in the clear. */
function openDoors({ issuers, api }: CheckInput['config']): Remark[] {
  const plain = Object.entries(issuers).flatMap(([name, { baseUrl }]): Remark[] => {
    const url = new URL(baseUrl);
    return url.protocol === 'https:' || LOOPBACK.test(url.hostname) ? [] : [{ path: ['issuers', name, 'baseUrl'], message: 'sends keys unencrypted', warning: true }];
  });
  const host = api.listen?.host;
  return host === undefined || LOOPBACK.test(host) ? plain : [...plain, { path: ['api', 'listen', 'host'], message: 'lets other machines in, and the token travels unencrypted unless something in front speaks TLS', warning: true }];
}

function queue({ redis }: CheckInput['config']): Remark[] {
  const ways = (['url', 'sentinel', 'cluster'] as const).filter((way) => redis[way] !== undefined);
  return ways.slice(1).map((way) => ({ path: ['redis', way], atKey: true, message: `stands beside ${ways[0]} (expected one of url, sentinel and cluster)` }));
}

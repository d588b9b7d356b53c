/** Whether people hear of things. */
import { channelsFor } from '../routes.ts';
import type { CheckInput, Remark } from './input.ts';
import { LOOPBACK } from './service.ts';

export function checkPeople(input: CheckInput): readonly Remark[] {
  return [...logins(input), ...webhooks(input), ...plainly(input), ...reached(input)];
}

function logins({ config }: CheckInput): Remark[] {
  return Object.entries(config.channels).flatMap(([name, channel]): Remark[] => {
    if (channel.type !== 'email' || (channel.user === undefined) === (channel.password === undefined)) return [];
    const [given, missing] = channel.user === undefined ? ['password', 'user'] : ['user', 'password'];
    return [{ path: ['channels', name, given], message: `stands without ${missing} (expected both or neither)` }];
  });
}

/** What each format of a webhook can't do without. */
function webhooks({ config }: CheckInput): Remark[] {
  return Object.entries(config.channels).flatMap(([name, channel]): Remark[] => {
    if (channel.type !== 'webhook') return [];
    const needed = ({ keyturn: ['url', 'secret'], pagerduty: ['routingKey'], alertmanager: ['url'] } as const)[channel.format];
    return needed.filter((field) => channel[field] === undefined).map((field) => ({ path: ['channels', name], atKey: true, message: `has no ${field}, which format ${channel.format} needs` }));
  });
}

/** What is signed can still be read on the way, and what goes beside it too. */
function plainly({ config }: CheckInput): Remark[] {
  return Object.entries(config.channels).flatMap(([name, channel]): Remark[] => {
    if (channel.type !== 'webhook' || channel.url === undefined) return [];
    const { protocol, hostname } = new URL(channel.url);
    return protocol === 'https:' || LOOPBACK.test(hostname) ? [] : [{ path: ['channels', name, 'url'], message: 'sends messages unencrypted', warning: true }];
  });
}

function reached({ config }: CheckInput): Remark[] {
  if (Object.keys(config.credentials).length === 0) return [{ path: ['credentials'], atKey: true, message: 'no credential is declared, so there is nothing to rotate', warning: true }];
  if (Object.keys(config.channels).length === 0) return [{ path: ['channels'], atKey: true, message: 'no channel is declared, so nobody hears of a rotation that fails', warning: true }];
  return Object.entries(config.credentials)
    .filter(([name, { owner, notify, labels }]) => channelsFor(config, { credential: name, owner: owner ?? null, notify, labels }, 'critical').length === 0)
    .map(([name]) => ({ path: ['credentials', name], atKey: true, message: 'no route takes its critical messages, so nobody hears of them', warning: true }));
}

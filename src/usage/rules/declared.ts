/** Use against what was declared: hours and networks. Pure. */
import { BlockList, isIP } from 'node:net';
import { plural } from '../../core/phrases.ts';
import { windowState, type MaintenanceWindow } from '../../core/window.ts';
import { accepted, LATELY_MS } from '../scan/minutes.ts';
import { keysInMinutes, keysOfCallers } from './doers.ts';
import { findingOf, ofCredential } from './finding.ts';
import type { Look } from './rule.ts';
import { callersText, factsOf, ifStolen, lookAtUsage, moment, number } from './words.ts';

export const outsideHours: Look<'outside_hours'> = (sight, settings) => {
  const { record, shown } = sight;
  const outside = [...sight.minutes].filter(([at, counts]) => at >= shown - LATELY_MS && accepted(counts) > 0 && !windowState(settings.window, new Date(at)).open);
  const value = outside.reduce((sum, [, counts]) => sum + accepted(counts), 0);
  if (value === 0) return [];
  const last = Math.max(...outside.map(([at]) => at));
  return [findingOf('outside_hours', settings, ofCredential(record, sight.source), {
    value, fireAt: 1, clearAt: 0,
    title: `${record.name}: used outside its hours`,
    happened: `\`${record.name}\` made ${plural(value, 'request')} outside its declared hours, the last at ${moment(last)}.`,
    expected: `requests only ${hoursText(settings.window)}`,
    actual: `${number(value)} requests outside`,
    todo: [lookAtUsage(record.name), ifStolen(record.name), 'If it is right, widen `outside_hours` in its `rules`.'],
    facts: factsOf(sight), keys: keysInMinutes(sight, (at) => outside.some(([minute]) => minute === at)), evidence: { requests: value, last },
  })];
};

const DAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];

const clock = (minute: number): string => `${String(Math.floor(minute / 60)).padStart(2, '0')}:${String(minute % 60).padStart(2, '0')}`;

function hoursText({ days, fromMinute, toMinute, timezone }: MaintenanceWindow): string {
  return `${clock(fromMinute)} to ${clock(toMinute)} ${timezone}, ${days.length === 7 ? 'every day' : days.map((day) => DAYS[day - 1]).join(', ')}`;
}

export const outsideNetworks: Look<'outside_networks'> = (sight, settings) => {
  const { record, shown } = sight;
  const declared = blockList(settings.networks);
  const callers = sight.callers.filter((caller) => accepted(caller) > 0 && caller.lastSeen.getTime() >= shown - LATELY_MS && isIP(caller.address) !== 0 && !declared.check(caller.address, isIP(caller.address) === 6 ? 'ipv6' : 'ipv4'));
  const addresses = new Set(callers.map(({ address }) => address));
  if (addresses.size === 0) return [];
  return [findingOf('outside_networks', settings, ofCredential(record, sight.source), {
    value: addresses.size, fireAt: 1, clearAt: 0,
    title: `${record.name}: used from outside its networks`,
    happened: `\`${record.name}\` is used from ${addresses.size === 1 ? 'an address' : `${addresses.size} addresses`} outside the declared networks: ${callersText(callers)}.`,
    expected: `addresses in ${settings.networks.join(', ')}`,
    actual: callersText(callers),
    todo: [ifStolen(record.name), lookAtUsage(record.name), 'If it is right, add the network to `outside_networks` in its `rules`.'],
    facts: factsOf(sight), keys: keysOfCallers(callers), evidence: { addresses: [...addresses].slice(0, 20) },
  })];
};

function blockList(networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of networks) {
    const [address = '', bits] = network.split('/');
    const kind = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    list.addSubnet(address, Number(bits ?? (kind === 'ipv6' ? 128 : 32)), kind);
  }
  return list;
}

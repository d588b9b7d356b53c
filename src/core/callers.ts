/** What of a caller stays the same from day to day: its network and its program. Pure. */
import { isIP, isIPv4 } from 'node:net';

const LONGEST_AGENT = 60;

/** `203.0.113.0/24`, `2001:db8:1::/48`; what is no address stays as it is. */
export function networkOf(address: string): string {
  if (isIPv4(address)) return `${address.split('.').slice(0, 3).join('.')}.0/24`;
  return isIP(address) === 6 ? `${groupsOf(address).slice(0, 3).map((group) => group.toString(16)).join(':')}::/48` : address;
}

/** The eight groups; what an embedded IPv4 address says in the last two does not matter here. */
function groupsOf(address: string): readonly number[] {
  const [head = '', tail] = (address.split('%')[0] ?? '').split('::');
  const [before, after] = [read(head), read(tail ?? '')];
  return [...before, ...Array.from({ length: Math.max(0, 8 - before.length - after.length) }, () => 0), ...after];
}

function read(groups: string): readonly number[] {
  return groups.split(':').filter((group) => group !== '').map((group) => Number.parseInt(group, 16) || 0);
}

/** A program without its versions: `python-requests/2.31.0` is `python-requests`. */
export function programOf(agent: string): string {
  return agent.replace(/[/ ]v?\d[^\s;)]*/g, '').trim().slice(0, LONGEST_AGENT).trim();
}

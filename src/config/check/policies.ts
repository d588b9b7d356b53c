import { formatDuration } from '../duration.ts';
import type { PolicyConfig } from '../schema/policies.ts';
import type { CheckInput, Remark } from './input.ts';

export function checkPolicies({ config }: CheckInput): readonly Remark[] {
  return Object.entries(config.policies).flatMap(([name, policy]) => checkPolicy(policy).map((remark) => ({ ...remark, path: ['policies', name, ...remark.path] })));
}

function checkPolicy(policy: PolicyConfig): readonly Remark[] {
  return [...schedule(policy), ...strategy(policy), ...drain(policy), ...drill(policy)];
}

function schedule({ every, cron, jitter, window }: PolicyConfig): Remark[] {
  const byHand = every === undefined && cron === undefined;
  return [
    ...(every !== undefined && cron !== undefined ? [{ path: ['cron'], message: 'stands beside every, and only one can say when (expected either every or cron)' }] : []),
    ...(byHand && jitter > 0 ? [{ path: ['jitter'], message: 'has nothing to spread: the policy rotates only by hand', warning: true as const }] : []),
    ...(byHand && window !== undefined ? [{ path: ['window'], atKey: true, message: 'has no effect: only scheduled rotations wait for it, and this policy has none', warning: true as const }] : []),
  ];
}

function strategy({ strategy, allowDowntime }: PolicyConfig): Remark[] {
  if (strategy === 'replace' && !allowDowntime) {
    return [{ path: ['strategy'], message: 'replace revokes the old key before the new one exists, so applications have none for a moment (expected allowDowntime: true beside it, or strategy: displace)' }];
  }
  return strategy === 'displace' && allowDowntime ? [{ path: ['allowDowntime'], message: 'changes nothing: strategy displace has no downtime', warning: true }] : [];
}

function drain({ every, overlap, quiet, maxAge, strategy }: PolicyConfig): Remark[] {
  const least = overlap + quiet;
  const remarks: Remark[] = [];
  if (maxAge !== undefined && maxAge < least) {
    remarks.push({ path: ['maxAge'], message: `is shorter than overlap and quiet together, so the old key could never be seen to be unused (expected at least ${formatDuration(least)})` });
  }
  if (every !== undefined && strategy === 'displace' && every <= least) {
    remarks.push({ path: ['every'], message: `the next rotation falls due before the old key can be revoked (overlap and quiet take ${formatDuration(least)}), so it will wait for that`, warning: true });
  }
  return remarks;
}

/** Such a plan has one key, which the real one holds. */
function drill({ strategy, drill }: PolicyConfig): Remark[] {
  return drill !== undefined && strategy === 'replace' ? [{ path: ['drill'], message: 'needs room for a throw-away key, and strategy: replace is for issuers that have none (expected no drill beside it)' }] : [];
}

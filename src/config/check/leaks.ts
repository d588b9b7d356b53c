import type { CheckInput, Remark } from './input.ts';
import { LOOPBACK } from './service.ts';

export function checkLeaks({ config }: CheckInput): readonly Remark[] {
  return Object.entries(config.leaks.sources).flatMap(([name, source]) => {
    const place = ['leaks', 'sources', name];
    const remarks: Remark[] = [];
    const [field, address] = source.type === 'github' ? ['baseUrl', source.baseUrl] : source.type === 'github-partner' ? ['keysUrl', source.keysUrl] : ['', null];
    const url = address === null ? null : new URL(address);
    if (url !== null && url.protocol !== 'https:' && !LOOPBACK.test(url.hostname)) {
      const why = source.type === 'github' ? 'would send its token, and be told secrets, unencrypted' : 'could be answered by anybody in between, whose deliveries would then be believed';
      remarks.push({ path: [...place, field], message: `${why} (expected https://…)` });
    }
    if (source.type !== 'trufflehog' && config.api.listen === undefined) remarks.push({ path: place, atKey: true, message: 'is reached by nobody: api.listen is not set, and only this machine can use the socket', warning: true });
    return remarks;
  });
}

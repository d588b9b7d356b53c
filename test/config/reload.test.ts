import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createConfigHolder } from '../../src/config/index.ts';
import { changed, GOOD } from './support.ts';

async function holding(text: string) {
  const file = join(await mkdtemp(join(tmpdir(), 'keyturn-reload-')), 'keyturn.yaml');
  const write = (content: string): Promise<void> => writeFile(file, content);
  await write(text);
  return { file, write, holder: await createConfigHolder(file, { env: {} }) };
}

describe('reloading', () => {
  it('takes up a good file', async () => {
    const { holder, write } = await holding(GOOD);
    await write(changed('30d', '10d'));
    expect(await holder.reload()).toEqual({ applied: true, problems: [], warnings: [] });
    expect(holder.current().policies['monthly']?.every).toBe(864_000_000);
  });

  it('keeps the old configuration when the new one is bad, and says why', async () => {
    const { holder, write, file } = await holding(GOOD);
    const before = holder.current();
    await write(changed('30d', 'soon').replace('issuer: hm', 'issuer: hn'));
    const result = await holder.reload();
    expect(result.applied).toBe(false);
    expect(result.problems).toEqual([expect.stringContaining(`${file}:14:`), expect.stringContaining('no issuer "hn"')]);
    expect(holder.current()).toBe(before);
    await write(GOOD);
    expect((await holder.reload()).applied).toBe(true);
  });

  it('keeps what a running worker cannot change, and says so until it is put back', async () => {
    const { holder, write } = await holding(GOOD);
    await write(`${changed('30d', '10d')}log: { level: debug }\n`);
    expect((await holder.reload()).warnings).toEqual([expect.stringMatching(/log: changed, which takes effect when Keyturn is started anew/)]);
    expect(holder.current().log.level).toBe('info');
    expect(holder.current().policies['monthly']?.every).toBe(864_000_000);
    expect(holder.warnings()).toHaveLength(1);
    expect((await holder.reload()).warnings).toHaveLength(1);
    await write(GOOD);
    expect((await holder.reload()).warnings).toEqual([]);
  });

  it('two at once end with the newest file', async () => {
    const { holder, write } = await holding(GOOD);
    const early = holder.reload();
    await write(changed('30d', '7d'));
    await Promise.all([early, holder.reload()]);
    expect(holder.current().policies['monthly']?.every).toBe(604_800_000);
  });

  it('a bad file at start is refused', async () => {
    await expect(holding('version: 3\n')).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });
});

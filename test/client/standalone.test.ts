import { execFile } from 'node:child_process';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const run = promisify(execFile);
const client = new URL('../../src/client/', import.meta.url);

describe('KeyRing without the rest of Keyturn', () => {
  it('imports nothing but Node, itself, and AWS as a type or when it is needed', async () => {
    const files = (await readdir(client)).filter((name) => name.endsWith('.ts'));
    expect(files).toContain('index.ts');
    for (const name of files) {
      const text = await readFile(new URL(name, client), 'utf8');
      const statements = [...text.matchAll(/^(?:import|export)\b[^;]*?from '([^']+)'/gm)];
      const foreign = statements.filter(([statement, from]) => !/^(?:node:|\.\/[^/]+$)/.test(from ?? '') && !statement.startsWith('import type '));
      expect(foreign.map(([, from]) => from), name).toEqual([]);
      for (const [, lazy] of text.matchAll(/import\('([^']+)'\)/g)) expect(lazy, name).toBe('@aws-sdk/client-secrets-manager');
    }
  });

  it('does not keep a process alive, and does not load AWS for an env file', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'keyring-'));
    try {
      await writeFile(join(dir, 'app.env'), 'HYPERMEMORY_API_KEY=one\n');
      const program = `
        import { registerHooks } from 'node:module';
        let aws = 0;
        registerHooks({ resolve: (name, context, next) => { if (name.startsWith('@aws-sdk/')) aws += 1; return next(name, context); } });
        const { KeyRing } = await import(${JSON.stringify(new URL('index.ts', client).href)});
        const ring = KeyRing.fromEnvFile('app.env', { fetch: async () => new Response('sent') });
        console.log(await (await ring.fetch('/')).text());
        console.log(ring);
        console.log('aws', aws);
        const other = KeyRing.fromSecretsManager({ secretId: 'x', region: 'eu-west-1', endpoint: 'http://127.0.0.1:1', readTimeoutMs: 1 });
        await other.ready().catch(() => {});
        console.log('aws', aws > 0);
      `;
      const { stdout } = await run(process.execPath, ['--input-type=module', '-e', program], { cwd: dir, timeout: 20_000 });
      expect(stdout).toBe(`sent\nKeyRing <env file ${join(dir, 'app.env')}>\naws 0\naws true\n`);
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  });
});

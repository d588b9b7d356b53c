/** The image and the compose file against what they are made for: package.json's Node, the command line, the variables. */
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { buildProgram } from '../../src/cli/program.ts';
import { parseDuration, readEnvironment } from '../../src/config/index.ts';
import { worker } from '../../src/config/schema/service.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const dockerfile = read('Dockerfile').replaceAll('\\\n', ' ').split('\n');

interface Service {
  readonly environment: Readonly<Record<string, string>>;
  readonly stop_grace_period: string;
}

const compose = parse(read('compose.yaml')) as { readonly services: Readonly<Record<string, Service>> };
const keyturn = compose.services['keyturn'] as Service;

/** What follows an instruction, of each line that has it. */
function instructions(name: string): readonly string[] {
  return dockerfile.filter((line) => line.startsWith(`${name} `)).map((line) => line.slice(name.length + 1));
}

/** The words of an instruction in its JSON form. */
function exec(text: string): readonly string[] {
  return JSON.parse(text.slice(text.indexOf('['))) as readonly string[];
}

test('the image runs on the Node that package.json asks for', () => {
  const { devDependencies } = JSON.parse(read('package.json')) as { readonly devDependencies: Readonly<Record<string, string>> };
  const major = /\d+/.exec(devDependencies['node'] ?? '')?.[0];
  const bases = instructions('FROM').map((from) => from.split(' ')[0]);
  expect(bases).toEqual([`node:${major}-bookworm-slim`, `node:${major}-bookworm-slim`]);
});

test('what the image is built from exists, and is sent to the engine', () => {
  const sent = read('.dockerignore').split('\n').filter((line) => line.startsWith('!')).map((line) => line.slice(1));
  const copied = instructions('COPY').filter((line) => !line.startsWith('--from')).flatMap((line) => line.split(' ').slice(0, -1));
  expect(copied.map((path) => path.replace('./', '')).sort()).toEqual([...sent].sort());
  expect(copied.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
});

test('what the image runs, and what tells whether it is healthy, are commands that exist', async () => {
  const ran: string[] = [];
  const program = buildProgram('0', async ({ name }) => void ran.push(name)).configureOutput({ writeErr: () => undefined });
  const [entry = []] = instructions('ENTRYPOINT').map(exec);
  const lines = [...instructions('CMD').map(exec).map((words) => [...entry, ...words]), ...instructions('HEALTHCHECK').map(exec)];
  for (const [command, ...words] of lines) {
    expect(command).toBe('keyturn');
    await program.parseAsync(words, { from: 'user' });
  }
  expect(ran).toEqual(['up', 'status']);
});

test('the image and compose set variables that Keyturn reads', () => {
  const set = Object.fromEntries(instructions('ENV').flatMap((line) => line.split(' ').map((pair) => pair.split('=') as [string, string])));
  const volumes = instructions('VOLUME');
  expect(readEnvironment(set)).toMatchObject({ dataDir: volumes[0], configPath: expect.stringMatching(/^\/.+\.yaml$/) });
  const { databaseUrl, redisUrl } = readEnvironment(keyturn.environment);
  expect(databaseUrl?.reveal()).toMatch(/^postgres:.*@postgres:/);
  expect(redisUrl?.reveal()).toMatch(/^redis:\/\/redis:/);
  expect(Object.keys(compose.services)).toEqual(expect.arrayContaining(['postgres', 'redis']));
});

test('compose leaves a stopping worker the time that it takes', () => {
  const grace = parseDuration(keyturn.stop_grace_period);
  expect('ms' in grace && grace.ms).toBeGreaterThan(worker.parse({}).shutdown + 5_000);
});

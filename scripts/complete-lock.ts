/**
 * Completes package-lock.json: a registry mirror that lacks other platforms' packages makes npm leave them out, and
 * `npm ci` then refuses the file. Each missing optional platform package gets an entry with the version that its parent
 * names exactly, and the platform that its name tells, so that npm skips it elsewhere. Run after `npm install`.
 */
import { readFileSync, writeFileSync } from 'node:fs';

interface Entry {
  readonly version?: string;
  readonly dev?: boolean;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

interface Lock {
  packages: Record<string, Entry & Record<string, unknown>>;
}

const SYSTEMS = ['android', 'darwin', 'freebsd', 'linux', 'openharmony', 'win32', 'aix', 'netbsd', 'openbsd', 'sunos'];
const PROCESSORS: Readonly<Record<string, string>> = { arm64: 'arm64', x64: 'x64', ia32: 'ia32', arm: 'arm', ppc64: 'ppc64', riscv64: 'riscv64', s390x: 's390x' };
const PATH = new URL('../package-lock.json', import.meta.url);

function platformOf(name: string): Record<string, unknown> | null {
  const words = name.split('/').at(-1)?.split('-') ?? [];
  const system = words.find((word) => SYSTEMS.includes(word));
  const processor = words.find((word) => word in PROCESSORS);
  if (system === undefined || processor === undefined) return null;
  const libc = words.some((word) => word.startsWith('musl')) ? { libc: ['musl'] } : words.some((word) => word.startsWith('gnu')) ? { libc: ['glibc'] } : {};
  return { os: [system], cpu: [PROCESSORS[processor]], ...(system === 'linux' ? libc : {}) };
}

const lock = JSON.parse(readFileSync(PATH, 'utf8')) as Lock;
const added: string[] = [];
for (const parent of Object.values(lock.packages)) {
  for (const [name, version] of Object.entries(parent.optionalDependencies ?? {})) {
    const at = `node_modules/${name}`;
    const platform = platformOf(name);
    if (lock.packages[at] !== undefined || platform === null || !/^\d/.test(version)) continue;
    lock.packages[at] = { version, ...(parent.dev === true ? { dev: true } : {}), optional: true, ...platform };
    added.push(`${name}@${version}`);
  }
}
lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1)));
writeFileSync(PATH, `${JSON.stringify(lock, null, 2)}\n`);
process.stdout.write(added.length === 0 ? 'package-lock.json is complete\n' : `added ${added.join(', ')}\n`);

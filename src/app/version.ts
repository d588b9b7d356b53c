import { readFileSync } from 'node:fs';

/** From package.json, wherever this file is: src/app in a clone, dist/src/app in a package. */
export const VERSION: string = versionAbove(new URL('.', import.meta.url));

function versionAbove(directory: URL): string {
  const parent = new URL('../', directory);
  try {
    const found = JSON.parse(readFileSync(new URL('package.json', directory), 'utf8')) as { name?: string; version?: string };
    if (found.name === 'keyturn' && found.version !== undefined) return found.version;
  } catch {
    // not here: look above
  }
  return parent.href === directory.href ? '0.0.0' : versionAbove(parent);
}

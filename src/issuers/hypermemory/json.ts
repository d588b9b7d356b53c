/** The member of `value` at a dotted path, or undefined. */
export function child(value: unknown, path: string): unknown {
  // Most are plain names, asked for by the thousand.
  if (!path.includes('.')) return own(value, path);
  let here = value;
  for (const step of path.split('.')) here = own(here, step);
  return here;
}

function own(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined;
}

/** The first of the members at `paths` that is a text that says something. */
export function text(value: unknown, ...paths: readonly string[]): string | undefined {
  for (const path of paths) {
    const found = child(value, path);
    if (typeof found === 'string' && found.trim() !== '') return found.trim();
  }
  return undefined;
}

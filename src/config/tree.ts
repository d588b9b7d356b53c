/** Plain trees, as YAML gives them. */
export type Path = readonly (string | number)[];

/** Everything in `tree` that a pattern matches, with its path; `*` matches any name or index. */
export function matching(tree: unknown, pattern: Path, at: Path = []): readonly { readonly path: Path; readonly value: unknown }[] {
  const [step, ...rest] = pattern;
  if (step === undefined) return tree === undefined ? [] : [{ path: at, value: tree }];
  return entries(tree)
    .filter(([key]) => step === '*' || key === step)
    .flatMap(([key, value]) => matching(value, rest, [...at, key]));
}

export function fits(path: Path, pattern: Path): boolean {
  return path.length === pattern.length && pattern.every((step, n) => step === '*' || step === path[n]);
}

export function valueAt(tree: unknown, path: Path): unknown {
  return path.reduce<unknown>((value, step) => new Map<string | number, unknown>(entries(value)).get(step), tree);
}

export function entries(tree: unknown): readonly [string | number, unknown][] {
  if (Array.isArray(tree)) return [...tree.entries()];
  return typeof tree === 'object' && tree !== null ? Object.entries(tree) : [];
}

/** `credentials.prod-api.stores[0].store` */
export function shown(path: Path): string {
  return path.reduce<string>((text, step) => (typeof step === 'number' ? `${text}[${step}]` : text === '' ? step : `${text}.${step}`), '');
}

/** Patterns of names, as people write them: `*` stands for anything. */

export function matchesAny(patterns: readonly string[], name: string): boolean {
  return patterns.some((pattern) => globbed(pattern).test(name));
}

function globbed(pattern: string): RegExp {
  const literal = pattern.replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`);
  return new RegExp(`^${literal.replaceAll(String.raw`\*`, '.*')}$`, 's');
}

/** What a request asks of a key's scopes, told from its method and path. */
import type { Settings } from './settings.ts';

type Right = 'read' | 'write' | 'admin';

/** The least scope of each generation that carries a right. The second names none that manages keys. */
const LEAST: Readonly<Record<Settings['generation'], Readonly<Record<Right, string | null>>>> = {
  1: { read: 'memory:read', write: 'memory:write', admin: 'memory:admin' },
  2: { read: 'member', write: 'owner', admin: null },
};

/** Null where it is not known. */
export type NeedOf = (method: string, path: string) => string | null;

/**
 * By a table: all that is documented, on the paths as configured. What Keyturn never calls itself lies beside `store`. All else is
 * not known: MCP, whose body says what it does, and usage, of which nobody says what it wants.
 */
export function needsOf({ generation, paths, baseUrl }: Pick<Settings, 'generation' | 'paths' | 'baseUrl'>): NeedOf {
  const memory = paths.store.replace(/\/[^/]*$/, '');
  const rows: readonly (readonly [method: string, path: string, right: Right])[] = [
    ['GET', paths.overview, 'read'],
    ['POST', paths.recall, 'read'],
    ['GET', `${memory}/relationships/{key}`, 'read'],
    // Any key will do.
    ['GET', `${memory}/health`, 'read'],
    ['POST', paths.store, 'write'],
    ['POST', `${memory}/update`, 'write'],
    ['POST', paths.forget, 'write'],
    ['POST', `${memory}/relationships`, 'write'],
    ['GET', paths.keys, 'admin'],
    ['POST', paths.keys, 'admin'],
    ['DELETE', paths.key, 'admin'],
    ['GET', paths.auditLog, 'admin'],
  ];
  // The service may see its paths with what stands before them in baseUrl, or without.
  const bases = [...new Set(['', pathOf(baseUrl.pathname)])];
  const known = bases.flatMap((base) => rows.map(([method, path, right]): readonly [string, string | null] => [`${method} ${base}${pathOf(path)}`, LEAST[generation][right]]));
  const exact = new Map(known.filter(([request]) => !request.includes('{')));
  const patterns = known.filter(([request]) => request.includes('{')).map(([request, need]) => [patternOf(request), need] as const);
  const careful = (request: string): string | null => exact.get(request) ?? patterns.find(([pattern]) => pattern.test(request))?.[1] ?? null;
  return (method, path) => exact.get(`${method} ${path}`) ?? careful(`${method.toUpperCase()} ${pathOf(path)}`);
}

/** With a slash before it, and neither a query nor a slash after it. */
function pathOf(path: string): string {
  const bare = path.replace(/[?#].*$/s, '');
  const whole = bare.startsWith('/') ? bare : `/${bare}`;
  return whole.endsWith('/') ? whole.slice(0, -1) : whole;
}

/** `{…}` stands for one part of a path. */
function patternOf(request: string): RegExp {
  return new RegExp(`^${request.split(/\{[^}]*\}/).map((text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('[^/]+')}$`);
}

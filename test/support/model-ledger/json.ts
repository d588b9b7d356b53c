/** What SQL keeps in JSON columns: the model keeps a frozen copy, so that neither side sees what the other does to its object. */
const own = new WeakSet<object>();

/** A copy as JSON would give it back. What is already the model's own is not copied again. */
export function frozenCopy<T extends object>(value: T): T {
  if (own.has(value)) return value;
  const copy = copied(value) as T;
  own.add(copy);
  return copy;
}

/** One pass instead of text and back: the most frequent thing that the model does. */
function copied(value: unknown): unknown {
  if (typeof value === 'number' && !Number.isFinite(value)) return null;
  if (typeof value !== 'object' || value === null) return value;
  if ('toJSON' in value && typeof value.toJSON === 'function') return copied(value.toJSON());
  if (Array.isArray(value)) return Object.freeze(value.map((inner) => (isKept(inner) ? copied(inner) : null)));
  const copy: Record<string, unknown> = {};
  for (const [key, inner] of Object.entries(value)) if (isKept(inner)) copy[key] = copied(inner);
  return Object.freeze(copy);
}

function isKept(value: unknown): boolean {
  return value !== undefined && typeof value !== 'function' && typeof value !== 'symbol';
}

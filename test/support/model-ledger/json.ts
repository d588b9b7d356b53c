/** What SQL keeps in JSON columns: the model keeps a frozen copy, so that neither side sees what the other does to its object. */
const own = new WeakSet<object>();

/** A copy as JSON would give it back. What is already the model's own is not copied again. */
export function frozenCopy<T extends object>(value: T): T {
  if (own.has(value)) return value;
  const copy = JSON.parse(JSON.stringify(value)) as T;
  freeze(copy);
  own.add(copy);
  return copy;
}

function freeze(value: object): void {
  for (const inner of Object.values(value) as unknown[]) {
    if (typeof inner === 'object' && inner !== null) freeze(inner);
  }
  Object.freeze(value);
}

/** Forms of both generations (documented): `hm_live_…` and `hm_test_…`, and `hm_` with 64 hex digits. */
const FORM = /^hm_(?:(?:live|test)_[\w-]{16,200}|[0-9a-f]{64})$/;

export function looksLikeKey(text: string): boolean {
  return FORM.test(text);
}

/** Finds registered values in text, in a time that grows with the text and not with the number of values. */

export const MASK = '[secret]';
/** Shorter values would hit ordinary words. Also the length of the window by which a form is found. */
export const MIN_SCRUBBED_LENGTH = 8;
const MAX_FORMS = 20_000;

/** Buckets of the first, cheap look; a power of two, many times the number of windows. */
const BUCKETS = 2 ** 18;
const BASE = 0x01000193;
/** What the oldest character of a window weighs in its hash. */
const OLDEST = Array.from({ length: MIN_SCRUBBED_LENGTH - 1 }).reduce((weight: number) => Math.imul(weight, BASE), 1);

/**
 * Values with every form in which they could turn up. Each form is known by its last characters, since the first ones are
 * the same for many keys; a rolling hash says for nearly every place of a text that nothing ends there.
 */
export class Scrubber {
  readonly #forms = new Map<string, readonly string[]>();
  readonly #endings = new Map<string, string[]>();
  readonly #buckets = new Uint16Array(BUCKETS);
  readonly #maxForms: number;
  #count = 0;

  constructor(maxForms = MAX_FORMS) {
    this.#maxForms = maxForms;
  }

  /** A value that is known already is only made the newest: the oldest are forgotten when there are too many. */
  register(value: string): void {
    const known = this.#forms.get(value);
    if (known !== undefined) {
      this.#forms.delete(value);
      this.#forms.set(value, known);
      return;
    }
    const forms = formsOf(value);
    if (forms.length === 0) return;
    this.#forms.set(value, forms);
    for (const form of forms) this.#add(form);
    while (this.#count > this.#maxForms) this.#forgetOldest();
  }

  #add(form: string): void {
    const ending = form.slice(-MIN_SCRUBBED_LENGTH);
    const alike = this.#endings.get(ending);
    if (alike === undefined) {
      this.#endings.set(ending, [form]);
      this.#buckets[bucketOf(ending)]! += 1;
    } else alike.push(form);
    this.#count += 1;
  }

  #forgetOldest(): void {
    const [oldest] = this.#forms;
    if (oldest === undefined) return;
    this.#forms.delete(oldest[0]);
    for (const form of oldest[1]) this.#remove(form);
  }

  #remove(form: string): void {
    const ending = form.slice(-MIN_SCRUBBED_LENGTH);
    const alike = this.#endings.get(ending) ?? [];
    alike.splice(alike.indexOf(form), 1);
    this.#count -= 1;
    if (alike.length > 0) return;
    this.#endings.delete(ending);
    this.#buckets[bucketOf(ending)]! -= 1;
  }

  /** Every character that belongs to a registered form goes: what overlaps is masked as one. */
  scrub(text: string): string {
    const found = this.#find(text);
    if (found.length === 0) return text;
    let [clean, done] = ['', 0];
    for (const [from, to] of found) {
      clean += text.slice(done, from) + MASK;
      done = to;
    }
    return clean + text.slice(done);
  }

  /** Ranges of the text, in order, none touching the inside of another. */
  #find(text: string): readonly [from: number, to: number][] {
    const found: [number, number][] = [];
    const buckets = this.#buckets;
    let hash = 0;
    for (let end = 1; end <= text.length; end += 1) {
      if (end > MIN_SCRUBBED_LENGTH) hash = (hash - Math.imul(text.charCodeAt(end - MIN_SCRUBBED_LENGTH - 1), OLDEST)) | 0;
      hash = (Math.imul(hash, BASE) + text.charCodeAt(end - 1)) | 0;
      if (end < MIN_SCRUBBED_LENGTH || buckets[bucket(hash)] === 0) continue;
      const longest = this.#longestEndingAt(text, end);
      if (longest > 0) include(found, end - longest, end);
    }
    return found;
  }

  #longestEndingAt(text: string, end: number): number {
    let longest = 0;
    for (const form of this.#endings.get(text.slice(end - MIN_SCRUBBED_LENGTH, end)) ?? []) {
      if (form.length > longest && text.endsWith(form, end)) longest = form.length;
    }
    return longest;
  }
}

/** Ends only grow; a new range may swallow earlier ones. */
function include(found: [number, number][], from: number, to: number): void {
  let begin = from;
  for (let last = found.at(-1); last !== undefined && last[1] > begin; last = found.at(-1)) {
    begin = Math.min(begin, last[0]);
    found.pop();
  }
  found.push([begin, to]);
}

/** The value, and what it is within JSON, a URL and base64. */
function formsOf(value: string): readonly string[] {
  const json = JSON.stringify(value).slice(1, -1);
  const forms = [value, json, encodeURIComponent(value), Buffer.from(value).toString('base64').replace(/=+$/, '')];
  return [...new Set(forms)].filter((form) => form.length >= MIN_SCRUBBED_LENGTH);
}

function bucketOf(ending: string): number {
  let hash = 0;
  for (let at = 0; at < ending.length; at += 1) hash = (Math.imul(hash, BASE) + ending.charCodeAt(at)) | 0;
  return bucket(hash);
}

function bucket(hash: number): number {
  return (hash ^ (hash >>> 15)) & (BUCKETS - 1);
}

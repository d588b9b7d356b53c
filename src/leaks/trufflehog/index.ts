/** What TruffleHog prints with `--json`, one finding a line. It comes through the control API, which is the guard: there is no signature. */
import { z } from 'zod';
import { textOf } from '../../net/signed-delivery.ts';
import type { LeakSource, ReportedLeak } from '../../ports/leak-source.ts';

export interface TruffleHogOptions {
  readonly name: string;
}

const finding = z.object({
  Raw: z.string(),
  RawV2: z.string().nullish(),
  DetectorName: z.string().nullish(),
  SourceMetadata: z.object({ Data: z.record(z.string(), z.record(z.string(), z.unknown())).nullish() }).nullish(),
});

/** Where it was found, said by whatever of these a kind of source tells. */
const PLACE = ['repository', 'bucket', 'image', 'project', 'workspace', 'channel', 'file', 'path', 'key', 'page', 'title'] as const;

export function createTruffleHogSource({ name }: TruffleHogOptions): LeakSource {
  return {
    name,
    type: 'trufflehog',
    read({ body }) {
      const lines = body.toString('utf8').split('\n').filter((line) => line.trim() !== '');
      const read = lines.map(reported);
      return { leaks: read.flat(), malformed: read.filter((found) => found.length === 0).length };
    },
    async probe() {
      return `takes findings of TruffleHog from \`trufflehog … --json | keyturn leaks intake - --source ${name}\``;
    },
  };
}

/** A secret of several parts is told twice: its telling part, and all of it. */
function reported(line: string): readonly ReportedLeak[] {
  const parsed = finding.safeParse(parse(line));
  if (!parsed.success) return [];
  const { Raw: raw, RawV2: whole, DetectorName: detail, SourceMetadata: metadata } = parsed.data;
  const about = { detail: textOf(detail), ...foundIn(Object.values(metadata?.Data ?? {})[0] ?? {}) };
  const values = new Set([raw, whole ?? ''].map((value) => value.trim()).filter((value) => value !== ''));
  return [...values].map((value) => ({ secret: { kind: 'value', value }, ...about }));
}

function foundIn(data: Readonly<Record<string, unknown>>): Pick<ReportedLeak, 'url' | 'foundAt'> {
  const [line, commit] = [data['line'], textOf(data['commit'])];
  const parts = [...PLACE.map((field) => textOf(data[field])), typeof line === 'number' && line > 0 ? `line ${line}` : null, commit === null ? null : `commit ${commit}`];
  const place = textOf(data['link']) ?? parts.filter((part) => part !== null).join(' ');
  return { url: place === '' ? null : place, foundAt: appearedAt(data['timestamp']) };
}

/** When the commit was made, as TruffleHog writes it: `2022-06-16 10:17:40 -0700 PDT`. */
function appearedAt(text: unknown): Date | null {
  const [, day, time, zone] = /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d) ?([+-]\d{4}|Z)?/.exec(typeof text === 'string' ? text : '') ?? [];
  const at = day === undefined ? null : new Date(`${day}T${time}${(zone ?? 'Z').replace(/^([+-]\d\d)/, '$1:')}`);
  return at === null || Number.isNaN(at.getTime()) ? null : at;
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}

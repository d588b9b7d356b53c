/** A notice whose template fails goes out all the same: its title and what happened, as plain text. */
import { scrub } from '../../core/secret.ts';
import type { Notice } from '../../core/vocabulary.ts';
import { clip } from './parts.ts';

const MAX_TITLE = 150;
const MAX_HAPPENED = 2_500;
const NOTE = 'This message could not be laid out, so here it is plainly. `keyturn status` shows the rest.';

export interface PlainNotice {
  readonly title: string;
  readonly text: string;
}

/** What `render` makes; when it throws, what `plain` makes of the title and of what happened. */
export function orPlainly<T>(notice: Notice, render: () => T, plain: (notice: PlainNotice) => T): T {
  try {
    return render();
  } catch {
    const title = said(notice.title, MAX_TITLE).replaceAll(/\s+/g, ' ').trim() || 'Keyturn has something to say';
    return plain({ title, text: `${title}\n\n${said(notice.happened, MAX_HAPPENED)}\n\n${NOTE}\n` });
  }
}

/** Whatever is there instead of a text: nothing that is read here may throw. */
function said(value: unknown, max: number): string {
  if (typeof value !== 'string') return '';
  return clip(scrub(value).replaceAll(/(?![\n\t])[\p{Cc}\u202A-\u202E\u2066-\u2069]/gu, ' '), max);
}

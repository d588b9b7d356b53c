/** A notice as an HTML mail. */
import type { Notice } from '../../core/vocabulary.ts';
import { box, escapeHtml, factsTable, footHtml, headRow, MONO, pageHtml, paragraph } from './page.ts';
import { askOf, bounded, cleaned, footOf, instant, lookOf } from './parts.ts';
import type { RenderOptions } from './parts.ts';

const WIDTH = 600;

export function renderHtml(dirty: Notice, options: RenderOptions = {}): string {
  const notice = bounded(cleaned(dirty));
  const rows = [headRow(lookOf(notice, options.status), notice.title), textRow(notice), askRow(notice), todoRow(notice.todo), factsRow(notice.facts), footRow(notice, options.at)];
  return pageHtml({ title: notice.title, preview: notice.happened, width: WIDTH, rows });
}

function textRow(notice: Notice): string {
  return `<tr><td class="kt-pad" align="left" style="padding:14px 32px 6px;">
${paragraph(notice.happened, 'kt-text', '#1b2126')}
${paragraph(notice.means, 'kt-soft', '#56616b')}
</td></tr>`;
}

function askRow(notice: Notice): string {
  const ask = askOf(notice);
  return ask === null ? '' : `<tr><td class="kt-pad" align="left" style="padding:4px 32px 8px;">
<a href="${escapeHtml(ask.url)}" rel="noreferrer" style="display:inline-block;padding:11px 20px;border-radius:6px;background:#b3261e;color:#ffffff;font-size:15px;line-height:20px;font-weight:600;text-decoration:none;">${escapeHtml(ask.label)}</a>
<p class="kt-soft" style="margin:8px 0 0;font-size:13px;line-height:19px;color:#56616b;">${escapeHtml(ask.note)}</p>
</td></tr>`;
}

function todoRow(todo: readonly string[]): string {
  return todo.length === 0 ? '' : `<tr><td class="kt-pad" align="left" style="padding:8px 32px 10px;">
${box('What to do', todo)}
</td></tr>`;
}

function factsRow(facts: Readonly<Record<string, string>>): string {
  const table = factsTable(Object.entries(facts));
  return table === '' ? '' : `<tr><td class="kt-pad" align="left" style="padding:8px 32px 4px;">
${table}
</td></tr>`;
}

function footRow(notice: Notice, at: Date | undefined): string {
  const parts = footOf(notice).map(([label, value]) => `${label} <span style="font-family:${MONO};">${escapeHtml(value)}</span>`);
  const when = at === undefined ? [] : [`<span style="white-space:nowrap;">${instant(at)}</span>`];
  return footHtml(['Sent by Keyturn', ...parts, ...when].join(' &middot; '));
}

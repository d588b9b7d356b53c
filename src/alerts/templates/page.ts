/**
 * What all our pages and mails look like: tables and inline styles, because that is what mail readers agree on; one small style
 * block adds dark mode where it is known. Reads from 320 px up. Nothing is loaded from anywhere.
 */
import { clip, isIdentifier, segments, type Look } from './parts.ts';

const SANS = "-apple-system,BlinkMacSystemFont,'Segoe UI',Roboto,Helvetica,Arial,sans-serif";
export const MONO = "ui-monospace,SFMono-Regular,Menlo,Consolas,'Liberation Mono',monospace";
export const BREAK = 'overflow-wrap:anywhere;word-break:break-word;';

const DARK = `
:root{color-scheme:light dark;supported-color-schemes:light dark}
@media (prefers-color-scheme:dark){
.kt-page{background:#14171a!important}.kt-card{background:#1e2327!important;border-color:#343b41!important}
.kt-text{color:#e6e9ec!important}.kt-soft{color:#a9b2ba!important}
.kt-code{background:#2c3339!important;color:#e6e9ec!important}.kt-line{border-color:#343b41!important}
.kt-todo{background:#262c31!important}
}
@media (max-width:480px){.kt-pad{padding-left:18px!important;padding-right:18px!important}.kt-outer{padding:0!important}
.kt-card{border-left:0!important;border-right:0!important;border-radius:0!important}}`;

export interface Page {
  readonly title: string;
  /** What a list of mails shows beside the subject. */
  readonly preview: string;
  /** Of the card, pixels. */
  readonly width: number;
  /** Rows of the card's table, as HTML. */
  readonly rows: readonly string[];
}

const LONGEST_TEASER = 140;

/** Ends between words: there is no room to say how much is left out, and the mail says it all. */
function teaser(text: string): string {
  return text.length <= LONGEST_TEASER ? text : `${text.slice(0, LONGEST_TEASER).replace(/\s+\S*$/, '').replace(/[\uD800-\uDBFF]$/, '')} …`;
}

export function pageHtml({ title, preview, width, rows }: Page): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<title>${escapeHtml(title)}</title>
<style>${DARK}</style>
</head>
<body class="kt-page" style="margin:0;padding:0;background:#f3f5f7;">
<div style="display:none;max-height:0;overflow:hidden;">${escapeHtml(teaser(preview))}</div>
<table role="presentation" class="kt-page" width="100%" cellpadding="0" cellspacing="0" border="0" style="background:#f3f5f7;">
<tr><td class="kt-outer" align="center" style="padding:24px 12px;">
<table role="presentation" class="kt-card" width="100%" cellpadding="0" cellspacing="0" border="0" style="max-width:${width}px;background:#ffffff;border:1px solid #dfe4e8;border-radius:8px;overflow:hidden;font-family:${SANS};">
${rows.join('\n')}
</table>
</td></tr>
</table>
</body>
</html>
`;
}

/** The bar, the badge and the title. */
export function headRow(look: Pick<Look, 'colour' | 'word'>, title: string): string {
  return `<tr><td style="height:5px;line-height:5px;font-size:0;background:${look.colour};">&nbsp;</td></tr>
<tr><td class="kt-pad" align="left" style="padding:24px 32px 0;">
<span style="display:inline-block;padding:3px 10px;border-radius:11px;background:${look.colour};color:#ffffff;font-size:12px;line-height:16px;font-weight:600;">${escapeHtml(look.word)}</span>
<h1 class="kt-text" style="margin:12px 0 0;font-size:21px;line-height:28px;font-weight:650;color:#1b2126;${BREAK}">${escapeHtml(title)}</h1>
</td></tr>`;
}

export function paragraph(text: string, tone: 'kt-text' | 'kt-soft', colour: string): string {
  if (text === '') return '';
  return `<p class="${tone}" style="margin:0 0 10px;font-size:15px;line-height:23px;color:${colour};${BREAK}">${rich(text)}</p>`;
}

/** Labels and values; empty for none. */
export function factsTable(entries: readonly (readonly [label: string, value: string])[]): string {
  if (entries.length === 0) return '';
  const cell = 'padding:7px 0;font-size:14px;line-height:20px;vertical-align:top;border-top:1px solid #e7ebee;';
  const rows = entries.map(
    ([label, value]) =>
      `<tr><td class="kt-soft kt-line" width="34%" style="${cell}padding-right:12px;color:#56616b;${BREAK}">${escapeHtml(clip(label, 200))}</td><td class="kt-text kt-line" style="${cell}color:#1b2126;${BREAK}">${isIdentifier(value) ? code(value) : rich(value)}</td></tr>`,
  );
  return `<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0">${rows.join('\n')}</table>`;
}

/** Numbered steps or points in a tinted box. */
export function box(heading: string, items: readonly string[]): string {
  const cell = 'font-size:15px;line-height:23px;color:#1b2126;vertical-align:top;';
  const rows = items.map(
    (step, index) =>
      `<tr><td class="kt-text" width="22" style="${cell}padding:4px 6px 4px 0;font-weight:600;">${index + 1}.</td><td class="kt-text" style="${cell}padding:4px 0;${BREAK}">${rich(step)}</td></tr>`,
  );
  return `<table role="presentation" class="kt-todo" width="100%" cellpadding="0" cellspacing="0" border="0" style="background:#f3f5f7;border-radius:6px;">
<tr><td style="padding:12px 16px;">
<p class="kt-text" style="margin:0 0 4px;font-size:13px;line-height:18px;font-weight:650;color:#1b2126;">${escapeHtml(heading)}</p>
<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0">${rows.join('')}</table>
</td></tr>
</table>`;
}

/** The last row: `html` is a line of it. */
export function footHtml(html: string): string {
  return `<tr><td class="kt-pad" align="left" style="padding:10px 32px 24px;">
<p class="kt-soft kt-line" style="margin:0;padding-top:12px;border-top:1px solid #e7ebee;font-size:12px;line-height:18px;color:#56616b;${BREAK}">${html}</p>
</td></tr>`;
}

export function rich(text: string): string {
  return segments(text)
    .map((part) => (part.code ? code(part.text) : escapeHtml(part.text).replaceAll('\n', '<br>')))
    .join('');
}

export function code(text: string): string {
  return `<code class="kt-code" style="padding:1px 5px;border-radius:4px;background:#e9edf0;color:#1b2126;font-family:${MONO};font-size:0.9em;-webkit-box-decoration-break:clone;box-decoration-break:clone;${BREAK}">${text.split(' ').map(word).join(' ')}</code>`;
}

/** Longer ones do not fit into the narrowest mail readers in one piece. */
const LONGEST_WHOLE = 28;

/** Readers break lines after a hyphen: `--why` and `prod-api` must stay whole, as they are to be typed. */
function word(text: string): string {
  const escaped = escapeHtml(text);
  return text.includes('-') && text.length <= LONGEST_WHOLE ? `<span style="white-space:nowrap;">${escaped}</span>` : escaped;
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

export function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (mark) => ENTITIES[mark] ?? mark);
}

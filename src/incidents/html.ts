/** The document as a page of its own, which looks like our mails. Tables become blocks of lines where the page is narrow. Pure. */
import { BREAK, escapeHtml, factsTable, footHtml, headRow, pageHtml, paragraph, rich } from '../alerts/templates/page.ts';
import type { Bar, Block, IncidentDocument, Section } from './document.ts';

const WIDTH = 760;

const COLOURS: Readonly<Record<IncidentDocument['status'], string>> = {
  revoking: '#b3261e', held: '#b3261e', recovering: '#9a6200', not_replaced: '#9a6200', superseded: '#5b6670', recovered: '#1a7f4b',
};

export function htmlOf({ title, status, badge, summary, sections, foot }: IncidentDocument): string {
  const text = paragraph(summary, 'kt-text', '#1b2126');
  const rows = [headRow({ colour: COLOURS[status], word: badge }, title), row(text, '14px 32px 0'), ...sections.map(section), footHtml(rich(foot))];
  return pageHtml({ title, preview: summary, width: WIDTH, rows });
}

function row(html: string, padding: string): string {
  return `<tr><td class="kt-pad" align="left" style="padding:${padding};">\n${html}\n</td></tr>`;
}

function section({ heading, blocks }: Section): string {
  const head = `<h2 class="kt-text" style="margin:0 0 8px;font-size:16px;line-height:24px;font-weight:650;color:#1b2126;">${escapeHtml(heading)}</h2>`;
  return row([head, ...blocks.map(block)].join('\n'), '14px 32px 4px');
}

function block(one: Block): string {
  switch (one.block) {
    case 'text': return `<p class="kt-soft" style="margin:0 0 8px;font-size:13px;line-height:19px;color:#56616b;${BREAK}">${rich(one.text)}</p>`;
    case 'list': return list(one.items);
    case 'facts': return factsTable(one.facts);
    case 'table': return one.rows.map((cells) => entry(one.head, cells)).join('\n');
    case 'bars': return bars(one.bars);
  }
}

function list(items: readonly string[]): string {
  const rows = items.map((item) => `<li class="kt-text" style="margin:0 0 8px;font-size:15px;line-height:22px;color:#1b2126;${BREAK}">${rich(item)}</li>`);
  return `<ul style="margin:0;padding:0 0 0 20px;">${rows.join('\n')}</ul>`;
}

/** A row of a table: what it is about on one line, the rest as labelled values that flow as the width allows. */
function entry(head: readonly string[], [first = '', second = '', ...others]: readonly string[]): string {
  const values = others.map((value, n) => `<span style="display:inline-block;margin:0 14px 2px 0;"><span class="kt-soft" style="color:#56616b;">${escapeHtml(head[n + 2] ?? '')}</span> ${rich(value)}</span>`);
  return `<div class="kt-line" style="padding:8px 0;border-top:1px solid #e7ebee;${BREAK}">
<p class="kt-text" style="margin:0 0 3px;font-size:14px;line-height:20px;color:#1b2126;">${rich(first)} ${rich(second)}</p>
<p class="kt-text" style="margin:0;font-size:13px;line-height:20px;color:#1b2126;">${values.join('\n')}</p>
</div>`;
}

function bars(all: readonly Bar[]): string {
  const most = Math.max(1, ...all.map(({ value }) => value));
  const cell = 'padding:2px 0;font-size:12px;line-height:16px;vertical-align:middle;';
  const rows = all.map(({ label, value, text }) => `<tr><td class="kt-soft" width="120" style="${cell}padding-right:8px;color:#56616b;white-space:nowrap;">${escapeHtml(label)}</td>
<td style="${cell}"><div style="height:9px;width:${Math.max(1, Math.round((value / most) * 100))}%;min-width:2px;background:#2563a8;border-radius:2px;"></div></td>
<td class="kt-text" width="90" align="right" style="${cell}padding-left:8px;color:#1b2126;">${escapeHtml(text)}</td></tr>`);
  return `<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0">${rows.join('\n')}</table>`;
}

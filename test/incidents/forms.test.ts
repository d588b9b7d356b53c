/** A report as Markdown, as a page and as a notice, whatever callers call themselves. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { renderHtml, renderSlack, renderText } from '../../src/alerts/templates/index.ts';
import { documentOf, htmlOf, markdownOf, reportNotice, reportOf, type IncidentReport } from '../../src/incidents/index.ts';
import { APPLICATION, ASKED, callerOf, dyingOf, factsOf, LEAKED, MINUTE, at, recoveryOf, HISTORY } from './incident-fixtures.ts';

const HOSTILE = ['</td></tr><script>alert(1)</script>', '"onload="x', '`` | --- | ` <img src=x onerror=alert(1)>', '| a | b |', '[click](javascript:alert(1))', '![x](https://evil.example/p.png)', '@everyone <!channel>', '\u202egnp.exe\u200b', '# heading\n- item', '```\n~~~', 'https://evil.example/', '&lt;b&gt;', '\\`', 'a\u001b[2Jb'];
const hostile = fc.oneof(fc.constantFrom(...HOSTILE), fc.string({ unit: 'binary', maxLength: 80 }), fc.stringMatching(/^[<>&"'`*_~|\\\s!@#[\]()a-z]{1,60}$/));

function reportWith(text: string): IncidentReport {
  const caller = callerOf(text, text, { firstSeen: at(ASKED - 5 * MINUTE) });
  return reportOf(factsOf({
    asked: { by: text, why: text, at: at(ASKED) }, leak: { foundAt: null, earliestAt: null, where: text, by: text }, dying: [dyingOf({ ...LEAKED, revokedAt: null }, { lastError: text })],
    recovery: recoveryOf({ message: text, recoveredAt: null, state: 'confirmed', places: [{ name: text, at: null }] }),
  }, { callers: [APPLICATION, caller], histories: [HISTORY] }));
}

/** A code span, or one character outside of them. */
const TOKENS = /`([^`]+)`|\\(.)|(.)/gu;
const outsideCode = (line: string): string => [...line.matchAll(TOKENS)].map(([, , escaped = '', plain = '']) => (escaped === '' ? plain : '')).join('');

describe('Markdown', () => {
  it('has no mark, link, image, mention, tag or heading but our own, however callers call themselves', () => {
    const ours = markdownOf(documentOf(reportWith('plain'))).split('\n');
    fc.assert(fc.property(hostile, (text) => {
      // One that calls itself nothing is told of in other words.
      const lines = markdownOf(documentOf(reportWith(`${text}x`))).split('\n');
      expect(lines).toHaveLength(ours.length);
      lines.forEach((line, n) => {
        const mine = outsideCode(ours[n] ?? '');
        expect(outsideCode(line).replaceAll(/[^[\]()<>!@#*_~|&]/g, '')).toBe(mine.replaceAll(/[^[\]()<>!@#*_~|&]/g, ''));
        expect(/^\s*(#+|[-*>]|```|\d+\.)/.exec(line)?.[1]).toBe(/^\s*(#+|[-*>]|```|\d+\.)/.exec(ours[n] ?? '')?.[1]);
        expect(line).not.toMatch(/(?!\t)[\p{Cc}\u202a-\u202e\u200b]/u);
      });
    }), { numRuns: 150 });
  });

  it('has as many cells in each row as its head, bars in code escaped', () => {
    for (const text of HOSTILE) {
      const tables = markdownOf(documentOf(reportWith(text))).split('\n\n').filter((block) => block.startsWith('|'));
      expect(tables.length).toBeGreaterThan(2);
      for (const table of tables) expect(new Set(table.split('\n').map((line) => line.replaceAll('\\|', '').split('|').length)).size).toBe(1);
    }
  });
});

const tags = (html: string): readonly string[] => html.match(/<[^>]*>/g)?.map((tag) => tag.replaceAll(/style="[^"]*"/g, '')) ?? [];

describe('the page', () => {
  it('has no tag and no attribute but our own', () => {
    const ours = new Set(tags(htmlOf(documentOf(reportWith('some-name plain')))));
    fc.assert(fc.property(hostile, (text) => {
      const html = htmlOf(documentOf(reportWith(text)));
      expect(tags(html).filter((tag) => !ours.has(tag))).toEqual([]);
    }), { numRuns: 150 });
  });

  it('looks like our mails, brings all of it with it, and names everything that the report has', () => {
    const html = htmlOf(documentOf(reportOf(factsOf())));
    expect(html).not.toMatch(/<(script|link|img|iframe)|url\(|@import/);
    for (const text of ['class="kt-card"', 'What stands out', '203.0.113.9', 'python-requests/2.31', 'new network and new program', 'Open questions', '840 ms', 'aaaaaaaaaaaaaaaa…', 'pasted into a public issue']) expect(html).toContain(text);
  });
});

describe('the notice', () => {
  const report = reportOf(factsOf());

  it('says what happened, what it means, what to do, and where the whole is', () => {
    const notice = reportNotice({ report, version: 1, news: [] });
    expect(notice).toMatchObject({ kind: 'incident_report', severity: 'warning', rotationId: report.incident.id, dedupeKey: `incident_report:${report.incident.id}:1` });
    expect(notice.todo[0]).toBe(`Read the whole report: \`keyturn incidents show ${report.incident.id}\`.`);
    const text = renderText(notice);
    for (const part of ['203.0.113.9', 'not seen before', '1,000 requests', 'healthy after 2.8 seconds', 'What was done with it?']) expect(text).toContain(part);
  });

  it('of what became known later begins with that, under a key of its own', () => {
    const notice = reportNotice({ report, version: 2, news: ['Another caller is known now: `curl`.'] });
    expect([notice.happened.startsWith('Another caller is known now: `curl`. '), notice.dedupeKey.endsWith(':2')]).toEqual([true, true]);
  });

  it('has a form in every channel, whatever callers call themselves', () => {
    fc.assert(fc.property(hostile, (text) => {
      const notice = reportNotice({ report: reportWith(text), version: 1, news: [] });
      expect(JSON.stringify(renderSlack(notice))).not.toMatch(/<!(?:channel|here|everyone)/);
      expect(renderHtml(notice)).not.toMatch(/<script|<img/i);
    }), { numRuns: 60 });
  });
});

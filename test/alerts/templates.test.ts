import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { renderHtml, renderSlack, renderText } from '../../src/alerts/templates/index.ts';
import { clip, segments } from '../../src/alerts/templates/parts.ts';
import { Secret } from '../../src/core/secret.ts';
import type { Notice, Severity } from '../../src/core/vocabulary.ts';

const notice: Notice = {
  kind: 'rotation_blocked',
  severity: 'warning',
  credential: 'prod-api-server',
  issuer: 'hypermemory',
  rotationId: '01JR',
  title: 'prod-api-server: rotation blocked',
  happened: 'HyperMemory allows 5 keys, and 5 are in use.',
  means: 'Nothing changed.',
  todo: ['Raise the limit.', 'Or see `keyturn keys`.'],
  facts: { Reason: 'issuer_limit', Owner: 'platform' },
  dedupeKey: 'x',
};
const at = new Date('2026-03-04T05:06:07Z');

const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 300 }), fc.stringMatching(/^[<>&"'`*_~\s\u202E!@#a-z]{0,60}$/), fc.constantFrom('', '`', '``', '&amp;', '<!channel>', '<script>', '"onload="x', '\u0000\u0007'));
const notices: fc.Arbitrary<Notice> = fc.record({
  kind: fc.constant('rotation_blocked' as const),
  severity: fc.constantFrom<Severity>('info', 'warning', 'critical'),
  credential: fc.option(text),
  issuer: fc.option(text),
  rotationId: fc.option(text),
  title: text,
  happened: text,
  means: text,
  todo: fc.array(text, { maxLength: 15 }),
  facts: fc.dictionary(text, text, { maxKeys: 30 }),
  dedupeKey: text,
});

describe('a notice as text', () => {
  it('reads from title to foot', () => {
    expect(renderText(notice, { at })).toBe(`prod-api-server: rotation blocked

HyperMemory allows 5 keys, and 5 are in use.

Nothing changed.

What to do:
  1. Raise the limit.
  2. Or see \`keyturn keys\`.

  Reason: issuer_limit
  Owner:  platform

-- 
Keyturn · credential prod-api-server · issuer hypermemory · rotation 01JR · 2026-03-04 05:06 UTC
`);
  });
});

function tags(html: string): string[] {
  return html.match(/<[^>]*>/g)?.map((tag) => tag.replaceAll(/#[0-9a-f]{6}/g, '')) ?? [];
}

describe('a notice as HTML', () => {
  it('has the same tags whatever the values are: no value becomes markup', () => {
    const allowed = new Set(tags(renderHtml({ ...notice, facts: { ...notice.facts, plain: 'two words' } }, { at })));
    fc.assert(
      fc.property(notices, (any) => {
        for (const tag of tags(renderHtml(any, { at }))) if (!allowed.has(tag) && tag !== '<br>') throw new Error(`a value made the tag ${tag}`);
      }),
    );
  });

  it('shows commands as code', () => {
    expect(renderHtml(notice)).toMatch(/<code[^>]*>keyturn keys<\/code>/);
  });
});

describe('a notice for Slack', () => {
  it('calls somebody only for critical notices, and never because a value says so', () => {
    fc.assert(
      fc.property(notices, (any) => {
        const sent = JSON.stringify(renderSlack(any, { at, mention: '<!here>' })).replaceAll(/<!date\^\d+\^[^<>]*>/g, '');
        const calls = sent.match(/<[^>]*>/g) ?? [];
        expect(calls).toEqual(any.severity === 'critical' ? ['<!here>', '<!here>'] : []);
      }),
    );
  });

  it('has no empty and no overlong text, which Slack would refuse', () => {
    fc.assert(
      fc.property(notices, fc.integer({ min: 1, max: 200 }), (any, times) => {
        const long = { ...any, title: any.title.repeat(times), happened: any.happened.repeat(times), todo: any.todo.map((step) => step.repeat(times)) };
        for (const block of renderSlack(long, { at }).blocks) {
          if (block.type === 'header') expect(block.text.text.length).toSatisfy((length: number) => length > 0 && length <= 150);
          if (block.type === 'section' && 'text' in block) expect(block.text.text.trim().length).toSatisfy((length: number) => length > 0 && length <= 3_000);
          if (block.type === 'section' && 'fields' in block) for (const field of block.fields) expect(field.text.length).toBeLessThanOrEqual(2_000);
        }
      }),
    );
  });
});

describe('what all forms share', () => {
  it('no form shows a registered secret', () => {
    const secret = new Secret('hm_live_templates_161803398');
    const leaky: Notice = { ...notice, title: secret.reveal(), happened: `x ${secret.reveal()}`, todo: [secret.reveal()], facts: { [secret.reveal()]: secret.reveal() }, credential: secret.reveal() };
    for (const form of [renderText(leaky), renderHtml(leaky), JSON.stringify(renderSlack(leaky))]) {
      expect(form).toContain('[secret]');
      expect(form).not.toContain(secret.reveal());
    }
  });

  it('clips to the length asked for, and says how much is gone', () => {
    expect(clip('short', 10)).toBe('short');
    expect(clip('x'.repeat(100), 40)).toMatch(/^x{10,}… \(\d+ characters cut\)$/);
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 200 }), fc.nat(150), (long, max) => clip(long, max).length <= max || long.length <= max));
  });

  it('the preview of a mail ends between words, without a count', () => {
    const preview = /max-height:0;overflow:hidden;">([^<]*)</.exec(renderHtml({ ...notice, happened: 'A word. '.repeat(40) }))?.[1] ?? '';
    expect(preview).toMatch(/^(A word\. )+(A )?…$/);
    expect(preview.length).toBeLessThanOrEqual(142);
  });

  it('bounds what a mail may be, and says what it left out', () => {
    const long = 'A word. '.repeat(20_000);
    const huge: Notice = { ...notice, title: long, happened: long, means: long, todo: Array.from({ length: 90 }, () => long), facts: Object.fromEntries(Array.from({ length: 300 }, (_, n) => [`Fact ${n}`, long])) };
    for (const form of [renderText(huge), renderHtml(huge)]) {
      expect(form.length).toBeLessThan(500_000);
      for (const says of ['characters cut', '40 steps left out', '200 facts left out']) expect(form).toContain(says);
    }
  });

  it('splits text at pairs of backticks and loses nothing', () => {
    expect(segments('a `b` c `d')).toEqual([
      { code: false, text: 'a ' },
      { code: true, text: 'b' },
      { code: false, text: ' c `d' },
    ]);
    fc.assert(fc.property(text, (any) => segments(any).map((part) => (part.code ? `\`${part.text}\`` : part.text)).join('') === any));
  });
});

describe('a notice that asks for a decision', () => {
  const url = 'https://keyturn.example.com/approve/01JR.t1.m?a="b"&c=<d>';
  const asking: Notice = { ...notice, ask: { response: '01JR', expiresAt: '2026-03-04T06:06:07.000Z', url } };

  it('has its link in every form for people, whole and escaped, with what it does and until when', () => {
    expect(renderText(asking)).toContain(`See what would happen, and decide:\n\n${url}\n\nOpening it changes nothing. It works once, until 2026-03-04 06:06 UTC`);
    expect(renderHtml(asking)).toContain('<a href="https://keyturn.example.com/approve/01JR.t1.m?a=&quot;b&quot;&amp;c=&lt;d&gt;" rel="noreferrer"');
    for (const form of ['whole', 'reply'] as const) expect(JSON.stringify(renderSlack(asking, { form }).blocks)).toContain('*<https://keyturn.example.com/approve/01JR.t1.m?a=\\"b\\"&amp;c=&lt;d&gt;|See what would happen, and decide>*');
  });

  it('without an address asks for nothing', () => {
    const { url: _url, ...ask } = asking.ask ?? { response: '', expiresAt: '' };
    for (const shown of [renderText({ ...asking, ask }), renderHtml({ ...asking, ask }), JSON.stringify(renderSlack({ ...asking, ask }))]) expect(shown).not.toContain('decide');
  });
});

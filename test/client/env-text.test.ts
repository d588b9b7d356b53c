import { assert, constantFrom, integer, property, string } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseEnv } from '../../src/client/env-text.ts';
import { setVariable } from '../../src/stores/env-file/env-text.ts';

describe('the env file as KeyRing reads it', () => {
  it.each([
    ['bare', 'K=abc', 'abc'],
    ['bare with a comment', 'K=abc # mine', 'abc'],
    ['bare with a hash inside', 'K=abc#def', 'abc#def'],
    ['spaces around', '  K = abc  ', 'abc'],
    ['single quotes', "K='a $b \\n'", 'a $b \\n'],
    ['single quotes with one inside', "K='it'\\''s'", "it's"],
    ['double quotes with escapes', 'K="a\\"b\\\\c\\$d"', 'a"b\\c$d'],
    ['double quotes and a comment', 'K="abc" # mine', 'abc'],
    ['a hash in quotes', 'K="a # b"', 'a # b'],
    ['export', 'export K=abc', 'abc'],
    ['CRLF', 'A=1\r\nK="abc"\r\nB=2\r\n', 'abc'],
    ['a byte order mark', '\uFEFFK=abc', 'abc'],
    ['quotes over two lines', 'K="a\nb"\nB=1', 'a\nb'],
    ['the last of two', 'K=old\nK=new', 'new'],
    ['empty', 'K=', ''],
    ['only a comment', 'K= # none', ''],
  ])('reads %s', (_case, text, value) => {
    expect(parseEnv(text).get('K')).toBe(value);
  });

  it.each([
    ['a comment line', '#K=abc'],
    ['a quote that is never closed', 'K="abc\nB=1'],
    ['text after the closing quote', 'K="abc" def'],
    ['another name that ends alike', 'MY_K=abc'],
    ['no assignment', 'K abc'],
  ])('takes no value from %s', (_case, text) => {
    expect(parseEnv(text).has('K')).toBe(false);
  });

  it('goes on after a line that makes no sense', () => {
    expect(parseEnv('A="abc\nK=good\nnonsense').get('K')).toBe('good');
  });

  it('reads back whatever the env-file store writes, in whatever style the line had', () => {
    const before = constantFrom('', 'K=x\n', "K='x'\n", 'K="x"\n', 'export K=x\r\nB=1\r\n', '# c\nA=1');
    const value = string({ unit: integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)), minLength: 1 });
    assert(
      property(before, value, (text, key) => {
        expect(parseEnv(setVariable(text, 'K', key)).get('K')).toBe(key);
      }),
      { numRuns: 500 },
    );
  });
});

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { countVariable, findVariable, parseEnv, removeVariable, setVariable } from '../../src/stores/env-file/env-text.ts';

const values = fc.string({ minLength: 1 }).filter((text) => !/[\r\n\0]/.test(text));
const keys = fc.stringMatching(/^hm_live_[0-9a-f]{16}$/);
const eols = fc.constantFrom('\n', '\r\n');
/** Lines as people write them, some of them odd. */
const lines = fc.oneof(
  fc.constantFrom('', '# a comment', '  # HYPERMEMORY_API_KEY=no', 'A=1', 'export B="two words" # why', "C='x'", 'MSG=it\'s fine', 'garbage', 'D=$HOME/x', 'E="a\\"b"', ' F = spaced ', 'G="open', "H='open", 'I=joined\\'),
  fc.string().filter((text) => !/[\r\n]|KEY/.test(text)),
);
const files = fc.tuple(fc.array(lines), eols, fc.boolean(), fc.boolean()).map(([all, eol, final, bom]) => (bom ? '\uFEFF' : '') + all.join(eol) + (final && all.length > 0 ? eol : ''));

/** A line of somebody else's whose quote is never closed, also right after a byte order mark. */
const OPEN_QUOTE = /(?:^\uFEFF?|\n)[GH]=/;

/** Lines of a text with what is ours taken out. */
const without = (text: string): string[] => text.replace(/^\uFEFF/, '').split(/\r?\n/).filter((line) => !/^(export )?KEY=/.test(line)).filter((line) => line !== '');

describe('the text of an env file', () => {
  it('gives back any value that was set, in any file, and keeps every other line', () => {
    fc.assert(
      fc.property(files, values, values, (file, first, second) => {
        fc.pre(findVariable(file, 'KEY') === null);
        const once = setVariable(file, 'KEY', first);
        // A quote that is never closed in somebody else's line can swallow ours: the store refuses such a file.
        fc.pre(!OPEN_QUOTE.test(file) || findVariable(once, 'KEY')?.value === first);
        expect(findVariable(once, 'KEY')?.value).toBe(first);
        const twice = setVariable(once, 'KEY', second);
        fc.pre(!OPEN_QUOTE.test(file) || findVariable(twice, 'KEY')?.value === second);
        expect(findVariable(twice, 'KEY')?.value).toBe(second);
        expect(countVariable(twice, 'KEY')).toBe(1);
        expect(without(twice)).toEqual(without(file));
      }),
      { numRuns: 500 },
    );
  });

  it('is the same text again once an added line is removed', () => {
    fc.assert(
      fc.property(files, keys, (file, value) => {
        fc.pre(findVariable(file, 'KEY') === null);
        const added = setVariable(file, 'KEY', value);
        const restored = removeVariable(added, 'KEY');
        expect(restored).toBe(file);
      }),
      { numRuns: 500 },
    );
  });

  it('is the same text again once the old value is set again, whatever the quoting', () => {
    for (const line of ['KEY=hm_old', 'KEY="hm_old"', "export KEY='hm_old' # mine", '  KEY = hm_old\r']) {
      const text = `\uFEFF# top\nA=1\n${line}\nZ=9`;
      expect(setVariable(setVariable(text, 'KEY', 'hm_new'), 'KEY', 'hm_old')).toBe(text);
      expect(findVariable(text, 'KEY')?.value).toBe('hm_old');
    }
  });

  it('means to a real sh what it means to us', () => {
    const directory = mkdtempSync(join(tmpdir(), 'keyturn-env-'));
    const utf8 = values.map((text) => text.toWellFormed());
    const styles = fc.constantFrom('KEY=x', 'KEY="x"', "KEY='x'", 'export KEY=x # c', '# none');
    const cases = fc.sample(fc.tuple(utf8, styles), 300);
    cases.forEach(([value, style], at) => writeFileSync(join(directory, `${at}.env`), setVariable(`A=1\n${style}\nB='2'\n`, 'KEY', value)));
    const script = 'i=0; while [ $i -lt "$2" ]; do (. "$1/$i.env"; printf "%s\\0" "$A$KEY$B"); i=$((i+1)); done';
    const ran = spawnSync('sh', ['-c', script, 'sh', directory, String(cases.length)], { encoding: 'utf8' });
    rmSync(directory, { recursive: true });
    expect(ran.stderr).toBe('');
    expect(ran.stdout.split('\0').slice(0, -1)).toEqual(cases.map(([value]) => `1${value}2`));
  });

  it('writes a key bare, as docker wants it, and quotes only what a shell would change', () => {
    expect(setVariable('', 'KEY', 'hm_live_0a/b+c=')).toBe('KEY=hm_live_0a/b+c=\n');
    expect(setVariable('', 'KEY', 'a b$c')).toBe("KEY='a b$c'\n");
    expect(setVariable('', 'KEY', "it's")).toBe('KEY="it\'s"\n');
    expect(setVariable('', 'KEY', "it's $5")).toBe(String.raw`KEY='it'\''s $5'` + '\n');
  });

  it('puts a new line beside its companion, in its style, with the line endings of the file', () => {
    expect(setVariable('A=1\r\nexport KEY=x\r\nB=2\r\n', 'KEY_BACKUP', 'y', 'KEY')).toBe('A=1\r\nexport KEY=x\r\nexport KEY_BACKUP=y\r\nB=2\r\n');
    expect(setVariable('KEY=x', 'KEY_BACKUP', 'y', 'KEY')).toBe('KEY=x\nKEY_BACKUP=y');
    expect(setVariable('\uFEFF', 'KEY', 'y')).toBe('\uFEFFKEY=y\n');
  });

  it('does not take lines inside a quoted value, or comments, for assignments', () => {
    const text = 'PEM="-----BEGIN\nKEY=inside\n-----END"\n#KEY=comment\nMSG=it\'s\nKEY=real\nX=\'s\'\n';
    expect(parseEnv(text).map(({ variable, line }) => `${variable}:${line}`)).toEqual(['PEM:1', 'MSG:5', 'KEY:6', 'X:7']);
    expect(findVariable(text, 'KEY')?.value).toBe('real');
  });

  it('takes the last of doubled lines, and removes them all', () => {
    const text = 'KEY=one\nA=1\nKEY=two\n';
    expect(findVariable(text, 'KEY')?.value).toBe('two');
    expect(setVariable(text, 'KEY', 'three')).toBe('KEY=one\nA=1\nKEY=three\n');
    expect(removeVariable(text, 'KEY')).toBe('A=1\n');
  });

  it('knows a value that the shell would compute', () => {
    for (const line of ['KEY=$OTHER', 'KEY="a${B}"', 'KEY=`cat x`', 'KEY="$(cat x)"']) expect(findVariable(line, 'KEY')?.value).toBeNull();
    for (const line of ["KEY='$OTHER'", String.raw`KEY="\$OTHER"`, 'KEY=a$']) expect(findVariable(line, 'KEY')?.value).not.toBeNull();
  });
});

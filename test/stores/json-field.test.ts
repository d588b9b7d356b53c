import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { getField, isJsonObject, setField } from '../../src/stores/aws-secrets-manager/json-field.ts';

const objects = fc.dictionary(fc.string(), fc.jsonValue());
const layouts = fc.constantFrom(undefined, 1, '\t', '  ');

describe('a field of a JSON text', () => {
  it('sets one field and changes no other, whatever the object and its layout', () => {
    fc.assert(
      fc.property(objects, fc.string(), fc.string(), layouts, (object, field, value, layout) => {
        const text = JSON.stringify(object, null, layout);
        const after = setField(text, field, value);
        expect(getField(after, field)).toBe(value);
        const others = Object.entries(JSON.parse(after) as object).filter(([key]) => key !== field);
        expect(others).toEqual(Object.entries(JSON.parse(text) as object).filter(([key]) => key !== field));
      }),
    );
  });

  it('comes back to the same text when the old value is set again', () => {
    fc.assert(
      fc.property(objects, fc.string(), fc.string(), fc.string(), layouts, (object, field, old, value, layout) => {
        const text = JSON.stringify({ ...object, [field]: old }, null, layout);
        expect(setField(setField(text, field, value), field, old)).toBe(text);
      }),
    );
  });

  it('leaves numbers, escapes, spaces and doubled keys as they are written', () => {
    const text = '\n{ "n":1.00,"k" : "old" ,"k":"new","e":"\\u00e9\\"}" , "big":123456789012345678901 }\n';
    expect(setField(text, 'k', 'x"y')).toBe('\n{ "n":1.00,"k" : "old" ,"k":"x\\"y","e":"\\u00e9\\"}" , "big":123456789012345678901 }\n');
  });

  it('tells a JSON object from everything else', () => {
    expect(['{}', ' {"a":1}'].every(isJsonObject)).toBe(true);
    expect(['', '[]', 'null', '"x"', '1', '{', 'hm_live_x'].some(isJsonObject)).toBe(false);
  });
});

/** Where a credential's value sits in a secret's text: the whole text, or one field of a JSON object. */
import { KeyturnError } from '../../core/errors.ts';
import { Secret } from '../../core/secret.ts';
import { getField, isJsonObject, setField } from './json-field.ts';

export interface Document {
  /** Our value in a version's text, or null where it holds none. Throws STORE_UNSUITABLE when it cannot be a place of ours. */
  valueIn(text: Secret): Secret | null;
  /** The text of a version that says the same as `base`, but with our value. */
  withValue(base: Secret, value: Secret): Secret;
}

export function documentOf(field: string | null): Document {
  return field === null ? whole : fieldOf(field);
}

const whole: Document = {
  valueIn: (text) => text,
  withValue: (_base, value) => value,
};

function fieldOf(field: string): Document {
  function objectText(text: Secret): string {
    if (isJsonObject(text.reveal())) return text.reveal();
    throw new KeyturnError('STORE_UNSUITABLE', `The secret is not a JSON object, so it has no field "${field}".`, {
      effect: 'none',
      todo: 'Make its value a JSON object, or drop `field` to use the whole secret.',
    });
  }
  return {
    valueIn(text) {
      const value = getField(objectText(text), field);
      if (value === undefined || value === null || value === '') return null;
      if (typeof value === 'string') return new Secret(value);
      throw new KeyturnError('STORE_UNSUITABLE', `The field "${field}" of the secret holds no text.`, {
        effect: 'none',
        todo: 'Name a field that holds the key as a JSON string, or a new one.',
      });
    },
    withValue: (base, value) => new Secret(setField(objectText(base), field, value.reveal())),
  };
}

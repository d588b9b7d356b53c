/** The JSON schema that editors complete from: `# yaml-language-server: $schema=…`. */
import { configJsonSchema } from '../../src/config/json-schema.ts';

export function renderJsonSchema(): string {
  const schema = {
    ...configJsonSchema(),
    patternProperties: { '^x-': { description: 'Ignored: a place for YAML anchors.' } },
  };
  return `${JSON.stringify(schema, null, 2)}\n`;
}

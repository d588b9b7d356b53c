import type { CommandSpec } from '../command.ts';
import { clean } from '../clean.ts';

const SECTIONS = ['issuers', 'stores', 'checks', 'hooks', 'channels', 'policies', 'credentials'] as const;

export const validate: CommandSpec = {
  name: 'validate',
  group: 'Set up',
  summary: 'Check the configuration file: every mistake at once, with its line',
  details: 'Asks nobody outside and resolves no secret; `keyturn doctor` does.',
  exits: { 2: 'the configuration has mistakes' },
  async run(cli) {
    const { loadConfig } = await import('../../config/load.ts');
    const { config, warnings } = await loadConfig(cli.configPath, { env: cli.env });
    const counts = SECTIONS.map((section) => [section, Object.keys(config[section]).length] as const);
    if (cli.json) {
      cli.out.json({ valid: true, file: cli.configPath, warnings, declared: Object.fromEntries(counts) });
      return 0;
    }
    for (const warning of warnings) cli.out.note(`warning: ${clean(warning)}`);
    const declared = counts.filter(([, count]) => count > 0).map(([section, count]) => `${count} ${count === 1 ? singular(section) : section}`);
    cli.out.line(clean(`${cli.configPath} is valid${declared.length === 0 ? '; it declares nothing yet' : `: ${declared.join(', ')}`}.`));
    return 0;
  },
};

const singular = (section: string): string => (section === 'policies' ? 'policy' : section.slice(0, -1));

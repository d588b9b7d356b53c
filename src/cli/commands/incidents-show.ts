import { KeyturnError } from '../../core/errors.ts';
import { cleanLines } from '../clean.ts';
import type { CommandSpec } from '../command.ts';

const FORMATS = ['markdown', 'html', 'json'] as const;
type Format = (typeof FORMATS)[number];

export const incidentsShow: CommandSpec = {
  name: 'incidents show',
  group: 'Look',
  summary: 'The report of an emergency revocation: what its keys did while they were exposed, who called, how applications recovered, and what is still open',
  details: 'It is made of what the ledger knows now. --json is --format json.',
  args: [['<id>', 'its id, which is that of the emergency rotation, or the beginning of it']],
  options: [['--format <format>', '`markdown` (unless given), `html` for a page of its own, or `json`, whose schema is in docs/incidents.md']],
  async run(cli, given) {
    const format = formatOf(given.text('format') ?? (cli.json ? 'json' : 'markdown'));
    if (cli.json && format !== 'json') throw new KeyturnError('USAGE', `--json and --format ${format} contradict each other.`, { todo: 'Leave one of them out.', effect: 'none' });
    const client = await cli.worker();
    const id = given.args[0] ?? '';
    if (format === 'json') cli.out.json(await client.incident(id));
    else cli.out.line(cleanLines(await client.incidentText(id, format)).trimEnd());
    return 0;
  },
};

function formatOf(text: string): Format {
  const format = FORMATS.find((one) => one === text);
  if (format !== undefined) return format;
  throw new KeyturnError('USAGE', '--format takes markdown, html or json.', { todo: 'Leave it out for Markdown.', effect: 'none' });
}

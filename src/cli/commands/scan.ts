import type { CommandSpec } from '../command.ts';
import { KeyturnError } from '../../core/errors.ts';

export const scan: CommandSpec = {
  name: 'scan',
  group: 'Try out',
  summary: 'Run the detectors over recorded traffic, and draw what they would have alerted on',
  details: 'Takes NDJSON (`at`, `key`, `requests`) or CSV with a header (`timestamp,key,value`); `-` reads standard input, and what ends in `.gz` is unpacked. Needs no worker and no configuration.',
  options: [
    ['--replay <file>', 'the recording'],
    ['--kind <kind>', '`counts` of requests (the default), or any `metric` such as an error rate or a latency'],
    ['--interval <duration>', 'how long one value stands for; `1m` unless given'],
    ['--budget <number>', 'false incidents a key and week that you accept; 0.01 unless given'],
    ['--svg <file>', 'write a chart too'],
  ],
  exits: { 2: 'the recording cannot be read or used, or the chart cannot be written' },
  async run(cli, given) {
    const file = given.text('replay');
    if (file === undefined) throw new KeyturnError('USAGE', '`keyturn scan` wants a recording.', { todo: 'For example `keyturn scan --replay traffic.ndjson`.' });
    const { replayFile } = await import('../replaying.ts');
    return await replayFile(cli, file, given);
  },
};

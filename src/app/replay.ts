/** Replays of recorded traffic, for the command line: needs neither a worker nor a configuration. */
import { watchFor } from '../usage/replay/detectors.ts';
import { readRecording, type Recording, type RecordingOptions } from '../usage/replay/recording.ts';
import { replay, type Replayed } from '../usage/replay/run.ts';

export { cellsOf } from '../usage/replay/cells.ts';
export { svgOf } from '../usage/replay/svg.ts';
export type { Recording } from '../usage/replay/recording.ts';
export type { Incident, Replayed } from '../usage/replay/run.ts';

export interface ReplayOptions extends RecordingOptions {
  /** False incidents a key and week that are accepted. */
  readonly budget: number;
}

/** Runs the detectors of production over a recording. Throws USAGE for one that can't be used. */
export async function replayLines(lines: AsyncIterable<string>, options: ReplayOptions): Promise<{ readonly recording: Recording; readonly replayed: readonly Replayed[] }> {
  const { kind, intervalMs, budget } = options;
  const recording = await readRecording(lines, options);
  const replayed = recording.series.map((series) => {
    const { watch, threshold } = watchFor(kind, { intervalMs, length: series.values.length, budget });
    return replay(series, watch, threshold);
  });
  return { recording, replayed };
}

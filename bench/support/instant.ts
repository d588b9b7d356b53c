/** Milliseconds on the clock that all processes of this machine share, and that nobody sets (CLOCK_MONOTONIC): instants of different processes can be subtracted. */
export function instant(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

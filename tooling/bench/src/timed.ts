/** Least time of a repetition; shorter work is repeated, so that the clock and the wake-up of threads don't matter. */
const atLeast = 0.2;

/** Seconds of one call of fn: the mean over as many calls as fill a fifth of a second. */
export function timed(fn: () => void): number {
  const start = performance.now();
  for (let calls = 1; ; calls++) {
    fn();
    const seconds = (performance.now() - start) / 1000;
    if (seconds >= atLeast) return seconds / calls;
  }
}

/** The middle value, or the mean of the two middle ones. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  const lower = sorted[Math.floor((sorted.length - 1) / 2)] ?? Number.NaN;
  return (lower + upper) / 2;
}

/** Lets the event loop run once: timers, signals and other users of the process get their turn. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

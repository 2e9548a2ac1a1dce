import { help, parseOptions } from './options.js';
import { quickstart } from './quickstart.js';

/** Exit code of a program that Ctrl-C ended. */
const interrupted = 130;
const say = (text: string): void => void process.stderr.write(`${text}\n`);

async function main(): Promise<void> {
  const options = parseOptions(process.argv.slice(2));
  if (options === 'help') {
    process.stdout.write(help);
    return;
  }
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      // The terminal and npm may both send it; a person who means it presses again after a while.
      if (stop.signal.aborted) return;
      say('\nstopping: the step in hand is dropped, the last complete one saved …');
      stop.abort(new Error('stopped; the same command goes on from the last checkpoint'));
    });
  }
  try {
    const report = await quickstart(options, { signal: stop.signal, say });
    if (report === null) process.exitCode = interrupted;
    else process.stdout.write(`${JSON.stringify(report)}\n`);
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    say(stop.signal.reason.message);
    process.exitCode = interrupted;
  }
}

main().catch((error: unknown) => {
  say(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
});

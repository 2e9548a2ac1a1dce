#!/usr/bin/env node
import { exitCodes } from './errors';
import { main } from './main';

const interrupted = new AbortController();
let interruptedAt = 0;
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.on(name, () => {
    // The first signal lets the work end cleanly, with a checkpoint; a second one does not wait. A terminal and a
    // wrapper such as npm may both pass on the same Ctrl-C.
    if (interrupted.signal.aborted && performance.now() - interruptedAt > 1000) process.exit(exitCodes.interrupted);
    if (interrupted.signal.aborted) return;
    interruptedAt = performance.now();
    interrupted.abort(new Error('interrupted'));
  });
}
// Nobody reads the results any more, as behind `| head`: there is nothing left to do. Anything else, a full disk for
// one, loses them. Where its progress can't be written, training ends as at Ctrl-C.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(exitCodes.ok);
  process.stderr.write(`tessera: expected to write to standard output, got ${error.message}\n`);
  process.exit(exitCodes.failure);
});
process.stderr.on('error', (error) => interrupted.abort(error));
process.exitCode = await main(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  signal: interrupted.signal,
});

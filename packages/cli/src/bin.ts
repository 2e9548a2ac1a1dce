#!/usr/bin/env node
import { main } from './main';

const interrupted = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.on(name, () => {
    // The first signal lets the work end cleanly, with a checkpoint; a second one does not wait.
    if (interrupted.signal.aborted) process.exit(130);
    interrupted.abort();
  });
}
process.exitCode = await main(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  signal: interrupted.signal,
});

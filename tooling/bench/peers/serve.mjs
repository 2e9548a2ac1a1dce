// The protocol of a peer in JavaScript; see serve.py. A peer's script gets this file's address as its argument:
// const { serve } = await import(process.argv[1]); await serve(async (args) => ({ name, run: async () => ({…}) }));
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

const atLeast = 200; // milliseconds, as in src/timed.ts

/** Seconds of one call: the mean over as many calls as fill a fifth of a second. */
export function timed(fn) {
  const start = performance.now();
  for (let calls = 1; ; calls++) {
    fn();
    const ms = performance.now() - start;
    if (ms >= atLeast) return ms / 1000 / calls;
  }
}

// The system's high-water mark where it has one: resourceUsage counts what the process that started this one had.
function peakBytes() {
  try {
    const kilobytes = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
    if (kilobytes !== undefined) return Number(kilobytes) * 1024;
  } catch {
    // Not Linux.
  }
  return process.resourceUsage().maxRSS * 1024;
}

const say = (answer) => process.stdout.write(`${JSON.stringify(answer)}\n`);

/** `open(args)` gives `{name, run}`; `run()` gives seconds by figure. A package that is missing skips the peer. */
export async function serve(open) {
  let run;
  for await (const line of createInterface({ input: process.stdin })) {
    const asked = JSON.parse(line);
    if ('open' in asked) {
      try {
        const opened = await open(asked.open);
        run = opened.run;
        say({ ready: opened.name });
      } catch (error) {
        if (error?.code !== 'ERR_MODULE_NOT_FOUND') throw error;
        say({ skip: error.message.split('\n')[0] });
      }
    } else if ('run' in asked) say({ seconds: await run() });
    else say({ peakBytes: peakBytes() });
  }
}

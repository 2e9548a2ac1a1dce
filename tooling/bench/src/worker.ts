/** The child process of our side: opens one case, or the probes of the ceiling, and repeats it when asked. */
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setThreads } from '@tessera-llm/tensor';
import { z } from 'zod';
import { type Subject, Unavailable } from './area';
import { areas } from './areas';
import { openProbes } from './probes';

const contextSchema = z.object({
  folder: z.string(),
  model: z.string().nullable(),
  nodePeers: z.string().nullable(),
  threads: z.int(),
});
const request = z.union([
  z.object({ open: z.object({ area: z.string(), case: z.string(), prepare: z.boolean(), context: contextSchema }) }),
  z.object({ open: z.object({ probes: z.literal(true), threads: z.int() }) }),
  z.object({ run: z.literal(true) }),
  z.object({ peak: z.literal(true) }),
]);

function say(answer: object): void {
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}

/** The system's high-water mark where it has one: it counts memory that was given back since. */
function peakBytes(): number {
  try {
    const kilobytes = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
    if (kilobytes !== undefined) return Number(kilobytes) * 1024;
  } catch {
    // Not Linux.
  }
  return process.resourceUsage().maxRSS * 1024;
}

async function open(what: Extract<z.infer<typeof request>, { open: unknown }>['open']): Promise<Subject | null> {
  if ('probes' in what) {
    setThreads(what.threads);
    return openProbes();
  }
  setThreads(what.context.threads);
  const area = areas.find(({ name }) => name === what.area);
  const found = area?.cases(what.context).find(({ name }) => name === what.case);
  if (found === undefined) throw new Unavailable(`no case ${what.area} ${what.case}`);
  if (!what.prepare) return found.open();
  await found.prepare?.();
  return null;
}

let subject: Subject | null = null;
for await (const line of createInterface({ input: process.stdin })) {
  const asked = request.parse(JSON.parse(line));
  try {
    if ('open' in asked) {
      subject = await open(asked.open);
      say({ ready: 'tessera' });
    } else if ('run' in asked) {
      say({ seconds: (await subject?.run()) ?? {} });
    } else {
      say({ peakBytes: peakBytes() });
    }
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error;
    say({ skip: error.message });
  }
}

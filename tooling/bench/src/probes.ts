import { loadNative } from '@tessera-llm/native';
import { type Subject, Unavailable } from './area';

/** Of a turn; a probe takes some milliseconds. */
const steps = 100_000;
/** Far more than any cache holds. */
const readBytes = 2 ** 28;

/** The machine's ceilings: seconds of 1 GFLOP of multiply-adds in registers, and of reading 1 GB. */
export async function openProbes(): Promise<Subject> {
  const native = loadNative();
  if (!native.ok) throw new Unavailable(native.reason);
  const { addon } = native;
  const { args, kernels } = addon;
  const out = addon.allocate(16 * 4 * 256);
  const memory = addon.allocate(readBytes);
  // Pages that nobody wrote are one page of zeros.
  addon.write(memory, 0, new Uint8Array(readBytes).fill(1));
  const timedRun = (name: string): number => {
    const kernel = kernels[name];
    if (kernel === undefined) throw new Unavailable(`the addon has no kernel ${name}`);
    const start = performance.now();
    addon.run(kernel);
    return (performance.now() - start) / 1000;
  };
  const flops = (compute: number): number => {
    args[0] = out;
    args[1] = steps;
    args[2] = compute;
    const seconds = timedRun('peak_flops');
    return (seconds * 1e9) / (args[3] ?? 0);
  };
  const read = (): number => {
    args[0] = memory;
    args[1] = readBytes / 4;
    args[2] = out;
    return (timedRun('read_memory') * 1e9) / readBytes;
  };
  return {
    run: () => {
      const bfloat16 = flops(1);
      // On AMX a float32 product is six of bfloat16, where those are faster than one on vectors.
      const float32 = Math.min(flops(0), addon.isa === 'amx' ? 6 * bfloat16 : Infinity);
      return { float32, bfloat16, bandwidth: read() };
    },
  };
}

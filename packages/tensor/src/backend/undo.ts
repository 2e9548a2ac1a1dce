import type { Block, Kernels } from './contract';

/** Memory that remembers the blocks of one kernel call. */
export interface UndoMemory {
  /** What the running kernel has allocated; null between kernels. */
  made: Block[] | null;
  free(block: Block): void;
}

/**
 * The same kernels, but one that throws gives back all that it allocated: a wrong index must not cost memory for good.
 */
export function undoing(memory: UndoMemory, kernels: Kernels): Kernels {
  const guarded = { ...kernels };
  for (const name of Object.keys(kernels)) {
    const kernel: unknown = Reflect.get(kernels, name);
    if (typeof kernel !== 'function') continue;
    const guard = (...args: unknown[]): unknown => {
      const made: Block[] = [];
      memory.made = made;
      try {
        return Reflect.apply(kernel, kernels, args);
      } catch (error) {
        for (const block of made) memory.free(block);
        throw error;
      } finally {
        memory.made = null;
      }
    };
    Reflect.set(guarded, name, guard);
  }
  return guarded;
}

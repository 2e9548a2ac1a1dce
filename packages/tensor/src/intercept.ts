import type { Backend, Kernels, NDArray } from './backend/contract';
import { state } from './state';

type KernelName = keyof Kernels;

/** What an interceptor sees of one kernel call. */
interface KernelCall {
  readonly name: string;
  readonly args: readonly unknown[];
  readonly result: unknown;
  readonly startMs: number;
  readonly endMs: number;
  readonly backend: Backend;
}

function nameOf(kernel: string, args: readonly unknown[]): string {
  return typeof args[0] === 'string' ? `${kernel}.${args[0]}` : kernel;
}

/** Runs fn with every kernel call shown to `see`. */
export function intercepting<T>(see: (call: KernelCall) => void, fn: () => T): T {
  const tables = new Map<Backend, Kernels>();
  const before = state.intercept;
  const wrapTable = (backend: Backend): Kernels =>
    new Proxy(backend.kernels, {
      get(target, key) {
        const kernel: unknown = Reflect.get(target, key as KernelName);
        if (typeof kernel !== 'function') return kernel;
        return (...args: unknown[]): unknown => {
          const startMs = performance.now();
          const result: unknown = Reflect.apply(kernel, target, args);
          const endMs = performance.now();
          see({ name: nameOf(String(key), args), args, result, startMs, endMs, backend });
          return result;
        };
      },
    });
  state.intercept = (backend) => {
    const made = tables.get(backend) ?? wrapTable(backend);
    tables.set(backend, made);
    return made;
  };
  try {
    return fn();
  } finally {
    state.intercept = before;
  }
}

function isArray(value: unknown): value is NDArray {
  return typeof value === 'object' && value !== null && 'block' in value && 'dtype' in value;
}

/** The arrays that a kernel returned, alone or in an object. */
export function arraysOf(result: unknown): NDArray[] {
  if (isArray(result)) return [result];
  if (typeof result !== 'object' || result === null) return [];
  return Object.values(result).filter(isArray);
}

import type { Backend } from './backend/contract';
import { loadNativeBackend } from './backend/native/index';
import { createReferenceBackend } from './backend/reference/index';
import { TensorError } from './errors';
import { type NotPromise, synchronous } from './scope';
import { state } from './state';

function notice(text: string): void {
  if (state.noticed.has(text)) return;
  state.noticed.add(text);
  process.stderr.write(`${text}\n`);
}

function makeBackend(name: string): Backend {
  const made = state.backends.get(name);
  if (made !== undefined) return made;
  let backend: Backend;
  if (name === 'reference') {
    backend = createReferenceBackend();
  } else if (name === 'native') {
    const loaded = loadNativeBackend();
    if (!loaded.ok) throw new TensorError('backend', `[setBackend] native: ${loaded.reason}`);
    backend = loaded.backend;
  } else {
    throw new TensorError('backend', `[setBackend] expected 'native', 'reference' or a Backend, got '${name}'`);
  }
  state.backends.set(name, backend);
  return backend;
}

/**
 * The backend on which tensors are made. On first use: native where its addon can be loaded, else the reference
 * backend, which says so once on standard error.
 *
 * @example
 * ```ts
 * import { defaultBackend } from '@tessera-llm/tensor';
 * console.log(defaultBackend().name); // 'native' or 'reference'
 * ```
 */
export function defaultBackend(): Backend {
  if (state.backend !== null) return state.backend;
  try {
    state.backend = makeBackend('native');
  } catch (error) {
    if (!(error instanceof TensorError)) throw error;
    notice(
      `tessera: the native backend is not available (${error.message.replace('[setBackend] native: ', '')}); ` +
        'running on the reference backend, which is correct and slow',
    );
    state.backend = makeBackend('reference');
  }
  return state.backend;
}

/**
 * Chooses the backend of tensors made from now on, for the whole process. Tensors stay where they were made.
 *
 * @throws TensorError `backend` if it can't be had, with the reason.
 *
 * @example
 * ```ts
 * import { defaultBackend, setBackend } from '@tessera-llm/tensor';
 * setBackend('reference');
 * console.log(defaultBackend().name); // 'reference'
 * ```
 */
export function setBackend(backend: string | Backend): void {
  state.backend = typeof backend === 'string' ? makeBackend(backend) : backend;
}

/**
 * Runs a synchronous function with another default backend.
 *
 * @throws TensorError `backend` if it can't be had, `async` if fn returns a promise.
 */
export function withBackend<T>(backend: string | Backend, fn: () => NotPromise<T>): T {
  const before = state.backend;
  setBackend(backend);
  try {
    return synchronous('withBackend', fn)() as T;
  } finally {
    state.backend = before;
  }
}

/**
 * Names of the built-in backends that work here; 'reference' always does.
 *
 * @example
 * ```ts
 * import { availableBackends } from '@tessera-llm/tensor';
 * console.log(availableBackends()); // ['native', 'reference']
 * ```
 */
export function availableBackends(): string[] {
  return loadNativeBackend().ok ? ['native', 'reference'] : ['reference'];
}

/** Sets the number of threads that the default backend's kernels use; results do not depend on it. */
export function setThreads(count: number): void {
  if (!Number.isInteger(count) || count < 1 || count > 256) {
    throw new TensorError('value', `[setThreads] expected a whole number from 1 to 256, got ${count}`);
  }
  defaultBackend().setThreads(count);
}

/** Live tensors of the process, and bytes on the default backend: live, the most so far, and taken from the system. */
export function memory(): {
  tensors: number;
  liveBytes: number;
  peakBytes: number;
  reservedBytes: number;
} {
  return { tensors: state.liveTensors, ...defaultBackend().memory() };
}

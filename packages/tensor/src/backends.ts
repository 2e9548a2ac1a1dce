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
 * Runs a synchronous function with another default backend: tensors that it makes live there, also afterwards.
 *
 * @throws TensorError `backend` if it can't be had, `async` if fn returns a promise.
 *
 * @example
 * ```ts
 * import { tensor, withBackend } from '@tessera-llm/tensor';
 * const x = withBackend('reference', () => tensor([1, 2]));
 * console.log(x.backend.name); // 'reference'
 * ```
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

/**
 * Sets the number of threads that the default backend's kernels use, from 1 to 256; results do not depend on it. The
 * native backend begins with one for each core that the process may use; the reference backend has one thread, always.
 *
 * @throws TensorError `value` for another number.
 *
 * @example
 * ```ts
 * import { defaultBackend, setBackend, setThreads } from '@tessera-llm/tensor';
 * setBackend('reference');
 * setThreads(4);
 * console.log(defaultBackend().threads()); // 1
 * ```
 */
export function setThreads(count: number): void {
  if (!Number.isInteger(count) || count < 1 || count > 256) {
    throw new TensorError('value', `[setThreads] expected a whole number from 1 to 256, got ${count}`);
  }
  defaultBackend().setThreads(count);
}

/**
 * Live tensors of the process, whatever their backend, and bytes on the default backend: live, the most that were so
 * far (since its `resetPeak`), and taken from the system.
 *
 * @example
 * ```ts
 * import { memory, zeros } from '@tessera-llm/tensor';
 * const before = memory();
 * const x = zeros([256]);
 * const after = memory();
 * console.log(after.tensors - before.tensors, after.liveBytes - before.liveBytes); // 1 1024
 * ```
 */
export function memory(): {
  tensors: number;
  liveBytes: number;
  peakBytes: number;
  reservedBytes: number;
} {
  return { tensors: state.liveTensors, ...defaultBackend().memory() };
}

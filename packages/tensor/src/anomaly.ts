import type { Backend, NDArray } from './backend/contract';
import { byteSize, isFloat } from './dtype';
import { TensorError } from './errors';
import { arraysOf, intercepting } from './intercept';
import { decodeRaw } from './raw';
import { type NotPromise, synchronous } from './scope';
import { showShape, sizeOf } from './shape';
import { state } from './state';

function holdsNan(backend: Backend, x: NDArray): boolean {
  if (!isFloat(x.dtype)) return false;
  const width = byteSize[x.dtype];
  const bytes = backend.readSync(x.block, x.offset * width, sizeOf(x.shape) * width);
  return decodeRaw(bytes, x.dtype).some(Number.isNaN);
}

/**
 * Runs fn, forward and backward passes included, and throws at the first kernel whose result holds a NaN, naming the
 * kernel, the module whose forward pass ran and the shapes. Slow: every result is read.
 *
 * @throws TensorError `nan`; `async` if fn returns a promise; `backend` on a backend whose memory can't be read at
 *   once.
 *
 * @example
 * ```ts
 * import { TensorError, anomaly, log, tensor } from '@tessera-llm/tensor';
 * try {
 *   anomaly(() => log(tensor([-1])));
 * } catch (error) {
 *   console.log(error instanceof TensorError && error.code); // 'nan'
 * }
 * ```
 */
export function anomaly<T>(fn: () => NotPromise<T>): T {
  const checked = synchronous('anomaly', fn);
  return intercepting((call) => {
    if (!call.backend.guarantees.syncReads) {
      throw new TensorError('backend', `[anomaly] the ${call.backend.name} backend can't be read at once`);
    }
    for (const y of arraysOf(call.result)) {
      if (!holdsNan(call.backend, y)) continue;
      const inputs = call.args.flatMap((a) => arraysOf(a));
      const dirty = inputs.some((x) => holdsNan(call.backend, x));
      const where = state.labels.length > 0 ? ` in ${state.labels.join('.')}` : '';
      throw new TensorError(
        'nan',
        `[anomaly] ${call.name}${where} made a NaN from inputs of shapes ${inputs.map((x) => showShape(x.shape)).join(', ') || '()'}` +
          (dirty ? ', one of which held NaN already' : ''),
      );
    }
  }, checked) as T;
}

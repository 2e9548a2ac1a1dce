import type { Backend, ShareHandle } from './backend/contract';
import { defaultBackend } from './backends';
import type { DType } from './dtype';
import { TensorError } from './errors';
import { checkShape } from './shape';
import { Storage, Tensor } from './tensor';

/** A tensor's address for another thread of this process: plain data that `postMessage` carries. */
export interface SharedTensorHandle {
  readonly backend: string;
  readonly memory: ShareHandle;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly dtype: DType;
}

/**
 * Makes a tensor's memory reachable from other threads: post the handle to a worker and `attach` it there. Both look
 * at one copy; in-place writes of one are seen by the other, so let one of them rest meanwhile.
 *
 * @example
 * ```ts
 * import { attach, share, tensor } from '@tessera-llm/tensor';
 * const weight = tensor([1, 2, 3]);
 * const same = attach(share(weight)); // usually in a worker thread
 * console.log(await same.data()); // [1, 2, 3]
 * ```
 */
export function share(x: Tensor): SharedTensorHandle {
  return {
    backend: x.backend.name,
    memory: x.backend.share(x.block),
    offset: x.offset,
    shape: [...x.shape],
    dtype: x.dtype,
  };
}

/**
 * The tensor of a handle made by `share` in another thread. Disposing it gives up this thread's share only.
 *
 * @throws TensorError `backend` if this thread runs another backend.
 */
export function attach(handle: SharedTensorHandle, options: { readonly backend?: Backend } = {}): Tensor {
  const backend = options.backend ?? defaultBackend();
  if (backend.name !== handle.backend) {
    throw new TensorError(
      'backend',
      `[attach] expected the ${handle.backend} backend, which made the handle, got ${backend.name}; call setBackend('${handle.backend}')`,
    );
  }
  checkShape('attach', handle.shape);
  return new Tensor(new Storage(backend, backend.attach(handle.memory)), handle.offset, handle.shape, handle.dtype);
}

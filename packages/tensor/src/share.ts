import type { Activations, Backend, QuantizedFormat, ShareHandle } from './backend/contract';
import { defaultBackend } from './backends';
import { byteSize, checkDtype, type DType } from './dtype';
import { TensorError } from './errors';
import { checkSpec } from './quantized/format';
import { checkActivations, isQuantizedWeight, QuantizedWeight } from './quantized/weight';
import { checkShape, showShape, sizeOf } from './shape';
import { Storage, Tensor, kindOf, wantTensor } from './tensor';

/**
 * A tensor's address for another thread of this process: plain data that `postMessage` carries. Made by `share`, taken
 * by `attach`.
 */
export interface SharedTensorHandle {
  /** Name of the backend that both threads must run. */
  readonly backend: string;
  readonly memory: ShareHandle;
  /** Elements before the first one in the memory. */
  readonly offset: number;
  readonly shape: readonly number[];
  readonly dtype: DType;
}

/** A quantised weight's address for another thread of this process: plain data that `postMessage` carries. */
export interface SharedWeightHandle {
  readonly format: QuantizedFormat;
  /** (M, K) */
  readonly shape: readonly number[];
  /** Values per scale along a row. */
  readonly groupSize: number;
  readonly activations: Activations;
  /** The bytes, in the backend's own layout. */
  readonly packed: SharedTensorHandle;
}

/**
 * Makes a tensor's memory reachable from other threads: post the handle to a worker and `attach` it there. Both look at
 * one copy; in-place writes of one are seen by the other, so let one of them rest meanwhile. The tensor must live until
 * the other thread has attached it.
 *
 * @throws TensorError `disposed`; `value` for what is neither a tensor nor a quantised weight.
 *
 * @example
 * ```ts
 * import { attach, share, tensor } from '@tessera-llm/tensor';
 * const weight = tensor([1, 2, 3]);
 * const same = attach(share(weight)); // usually in a worker thread
 * console.log(await same.data()); // [1, 2, 3]
 * ```
 */
export function share(x: Tensor): SharedTensorHandle;
export function share(x: QuantizedWeight): SharedWeightHandle;
export function share(x: Tensor | QuantizedWeight): SharedTensorHandle | SharedWeightHandle {
  if (isQuantizedWeight(x)) {
    const { format, shape, groupSize, activations } = x;
    return { format, shape: [...shape], groupSize, activations, packed: share(x.packed) };
  }
  wantTensor('share', x);
  return {
    backend: x.backend.name,
    memory: x.backend.share(x.block),
    offset: x.offset,
    shape: [...x.shape],
    dtype: x.dtype,
  };
}

/**
 * The tensor or quantised weight of a handle made by `share` in another thread, on the same memory. Disposing it gives
 * up this thread's share only.
 *
 * @param options.backend Default: the thread's; see `setBackend`.
 * @throws TensorError `backend` if this thread runs another backend; `dtype`, `shape`, `value` for a handle whose
 *   dtype, shape or offset no tensor of this memory has.
 *
 * @example
 * ```ts
 * import { addInPlace, attach, share, tensor } from '@tessera-llm/tensor';
 * const weight = tensor([1, 2, 3]);
 * const same = attach(share(weight)); // usually in a worker thread
 * addInPlace(same, tensor([1, 1, 1]));
 * console.log(await weight.data()); // [2, 3, 4]
 * ```
 */
export function attach(handle: SharedTensorHandle, options?: { readonly backend?: Backend }): Tensor;
export function attach(handle: SharedWeightHandle, options?: { readonly backend?: Backend }): QuantizedWeight;
export function attach(
  handle: SharedTensorHandle | SharedWeightHandle,
  options: { readonly backend?: Backend } = {},
): Tensor | QuantizedWeight {
  if (typeof handle !== 'object' || handle === null || !('memory' in handle || 'packed' in handle)) {
    throw new TensorError('value', `[attach] expected a handle as share() makes it, got ${kindOf(handle)}`);
  }
  if ('packed' in handle) {
    const { format, shape, groupSize } = handle;
    const spec = checkSpec('attach', format, shape, format === 'int8' ? groupSize : undefined);
    const activations = checkActivations('attach', handle.activations);
    return new QuantizedWeight(attach(handle.packed, options), spec, activations);
  }
  const backend = options.backend ?? defaultBackend();
  if (backend.name !== handle.backend) {
    throw new TensorError(
      'backend',
      `[attach] expected the ${handle.backend} backend, which made the handle, got ${backend.name}; call setBackend('${handle.backend}')`,
    );
  }
  const { dtype, offset, shape } = handle;
  checkDtype('attach', dtype);
  checkShape('attach', shape);
  if (!Number.isSafeInteger(offset) || offset < 0) {
    throw new TensorError('value', `[attach] expected an offset of 0 elements or more, got ${offset}`);
  }
  const block = backend.attach(handle.memory);
  // Against the memory itself: kernels trust the shape, and what the handle says of its memory may be wrong too.
  if ((offset + sizeOf(shape)) * byteSize[dtype] > block.byteLength) {
    backend.free(block);
    throw new TensorError(
      'shape',
      `[attach] expected a tensor within ${block.byteLength} bytes, got ${showShape(shape)} of ${dtype} from element ${offset}; ` +
        'pass the handle on as share() made it',
    );
  }
  return new Tensor(new Storage(backend, block), offset, [...shape], dtype);
}

import type { Epilogue, FusedKernels, NDArray, QuantizedKernels } from '../contract';
import { type KernelMemory, floatsOf } from './memory';
import { activate } from './transformer';

type Products = Pick<FusedKernels, 'linear'> & Pick<QuantizedKernels, 'quantizedLinear'>;

/** Products and what follows them. */
export function followedKernels(
  memory: KernelMemory,
  { linear, quantizedLinear }: Products,
): Pick<FusedKernels, 'linearThen'> & Pick<QuantizedKernels, 'quantizedLinearThen'> {
  /** A product's result, changed where it lies. */
  function followed(y: NDArray, after: Epilogue): NDArray {
    const out = memory.raw(y) as Float32Array;
    if (after.kind === 'activate') {
      out.set(activate(after.activation, out));
      return y;
    }
    const values = floatsOf(memory, after.values);
    if (after.kind === 'add') {
      for (let i = 0; i < out.length; i++) out[i] = (values[i] as number) + (out[i] as number);
      return y;
    }
    const factors = activate(after.activation, values);
    for (let i = 0; i < out.length; i++) out[i] = (factors[i] as number) * (out[i] as number);
    return y;
  }
  return {
    linearThen: (after, ...args) => followed(linear(...args), after),
    quantizedLinearThen: (after, ...args) => followed(quantizedLinear(...args), after),
  };
}

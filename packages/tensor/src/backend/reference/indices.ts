import { TensorError } from '../../errors';

/** Throws unless every index is from 0 to extent - 1. */
export function checkIndices(op: string, indices: Int32Array, extent: number): void {
  for (let i = 0; i < indices.length; i++) {
    const index = indices[i] as number;
    if (index < 0 || index >= extent) {
      throw new TensorError(
        'index_out_of_range',
        `[${op}] expected indices from 0 to ${extent - 1}, got ${index} at place ${i}`,
      );
    }
  }
}

import { computeCodes, dtypeCodes } from '@tessera-llm/native';
import { broadcastShapes } from '../../shape';
import type { Compute, Epilogue, FusedKernels, NDArray, PrimitiveKernels } from '../contract';
import type { NativeCalls } from './calls';
import type { Widened } from './widened';
import { activationCodes } from './fused';

/** Element strides, in matrices, of the leading axes `shape` read as if broadcast to `lead`. */
function batchStrides(shape: readonly number[], lead: readonly number[]): number[] {
  const strides = new Array<number>(lead.length).fill(0);
  let step = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    const extent = shape[i] as number;
    if (extent !== 1) strides[i + lead.length - shape.length] = step;
    step *= extent;
  }
  return strides;
}

const epilogueCodes = { add: 1, gate: 2, activate: 3 } as const;

/** Writes what follows a product into the three places of the record from `at` on. */
export function putEpilogue({ args, memory }: NativeCalls, at: number, after: Epilogue | null): void {
  args[at] = after === null ? 0 : epilogueCodes[after.kind];
  args[at + 1] = after === null || after.kind === 'activate' ? 0 : memory.address(after.values);
  args[at + 2] = after === null || after.kind === 'add' ? 0 : (activationCodes[after.activation] as number);
}

/** Matrix products. float16, for which there are no panels, is widened. */
export function matmulKernels(
  calls: NativeCalls,
  widened: Widened,
): Pick<PrimitiveKernels, 'matmul'> & Pick<FusedKernels, 'linear' | 'linearThen'> {
  const { args, memory } = calls;
  const matmulId = calls.kernel('matmul');
  const linearId = calls.kernel('linear');

  function linear(
    after: Epilogue | null,
    ...[input, matrix, bias, compute, across = false]: readonly [
      x: NDArray,
      weight: NDArray,
      bias: NDArray | null,
      compute: Compute,
      across?: boolean,
    ]
  ): NDArray {
    return widened(
      [input, matrix, bias],
      (x) => x.dtype !== 'float16' && (x !== bias || x.dtype === 'float32'),
      (operands) => {
        const [x, weight, shift] = operands as [NDArray, NDArray, NDArray | null];
        const [n, k] = x.shape as [number, number];
        const m = weight.shape[across ? 1 : 0] as number;
        const y = memory.allocate([n, m], 'float32');
        args[0] = memory.address(x);
        args[1] = memory.address(weight);
        args[2] = shift === null ? 0 : memory.address(shift);
        args[3] = memory.address(y);
        args[4] = n;
        args[5] = m;
        args[6] = k;
        args[7] = dtypeCodes[x.dtype];
        args[8] = dtypeCodes[weight.dtype];
        args[9] = dtypeCodes.float32;
        args[10] = computeCodes[compute];
        args[11] = memory.packable(weight);
        args[12] = across ? 1 : 0;
        putEpilogue(calls, 13, after);
        calls.run(linearId, 16);
        return y;
      },
    );
  }

  return {
    matmul: (left, right, { transposeA, transposeB, compute, out }) =>
      widened(
        [left, right],
        ({ dtype }) => dtype !== 'float16',
        (operands) => {
          const [a, b] = operands as [NDArray, NDArray];
          const [ra, ca] = a.shape.slice(-2) as [number, number];
          const [rb, cb] = b.shape.slice(-2) as [number, number];
          const [m, k] = transposeA ? [ca, ra] : [ra, ca];
          const n = transposeB ? rb : cb;
          const leadA = a.shape.slice(0, -2);
          const leadB = b.shape.slice(0, -2);
          const lead = broadcastShapes('matmul', leadA, leadB);
          const y = memory.allocate([...lead, m, n], out);
          const strideA = batchStrides(leadA, lead);
          const strideB = batchStrides(leadB, lead);
          args[0] = memory.address(a);
          args[1] = memory.address(b);
          args[2] = memory.address(y);
          args[3] = m;
          args[4] = n;
          args[5] = k;
          args[6] = transposeA ? 1 : 0;
          args[7] = transposeB ? 1 : 0;
          args[8] = dtypeCodes[a.dtype];
          args[9] = dtypeCodes[b.dtype];
          args[10] = dtypeCodes[out];
          args[11] = computeCodes[compute];
          args[12] = lead.length;
          lead.forEach((extent, i) => {
            args[13 + 3 * i] = extent;
            args[14 + 3 * i] = strideA[i] as number;
            args[15 + 3 * i] = strideB[i] as number;
          });
          calls.run(matmulId, 13 + 3 * lead.length);
          return y;
        },
      ),
    linear: (...args) => linear(null, ...args),
    linearThen: linear,
  };
}

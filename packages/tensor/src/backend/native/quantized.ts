import { activationCodes, dtypeCodes, quantCodes } from '@tessera-llm/native';
import { TensorError } from '../../errors';
import type { Activations, Epilogue, NDArray, QuantizedArray, QuantizedKernels, QuantizedSpec } from '../contract';
import type { NativeCalls } from './calls';
import { putEpilogue } from './matmul';
import type { Widened } from './widened';

/** Quantised weights, packed for the addon's kernels. */
export function quantizedKernels(calls: NativeCalls, widened: Widened): QuantizedKernels {
  const { args, memory } = calls;
  const bytesId = calls.kernel('quant_bytes');
  const packId = calls.kernel('quant_pack');
  const unpackId = calls.kernel('quant_unpack');
  const rowsId = calls.kernel('quant_rows');
  const linearId = calls.kernel('quant_linear');

  /** Writes a spec into the record from place `at`. */
  function put(at: number, { format, shape, groupSize }: QuantizedSpec): void {
    args[at] = quantCodes[format];
    args[at + 1] = shape[0];
    args[at + 2] = shape[1];
    args[at + 3] = groupSize;
  }

  /** Bytes of a weight in the packed form and in the file. */
  function sizes(spec: QuantizedSpec): { packed: number; file: number } {
    put(0, spec);
    calls.ask(bytesId);
    return { packed: args[0] as number, file: args[1] as number };
  }

  /** Weights whose memory was found to be as large as their shape says. */
  const measured = new WeakSet<QuantizedArray>();

  /** Address of a weight whose memory is as large as its shape says; a handle from elsewhere may lie. */
  function addressOf(weight: QuantizedArray): number {
    const { byteLength } = weight.block;
    if (!measured.has(weight)) {
      const { packed } = sizes(weight);
      if (byteLength !== packed) {
        throw new TensorError(
          'value',
          `[native] expected ${packed} bytes for ${weight.format} (${weight.shape}), got ${byteLength}`,
        );
      }
      measured.add(weight);
    }
    return memory.address({ block: weight.block, offset: 0, shape: [byteLength], dtype: 'uint8' });
  }

  function linear(
    after: Epilogue | null,
    ...[input, weight, shift, activations]: readonly [
      x: NDArray,
      weight: QuantizedArray,
      bias: NDArray | null,
      activations: Activations,
    ]
  ): NDArray {
    return widened(
      [input, shift],
      (x) => x.dtype === 'float32' || (x === input && x.dtype === 'bfloat16' && activations !== 'int8'),
      (operands) => {
        const [x, bias] = operands as [NDArray, NDArray | null];
        const packed = addressOf(weight);
        const n = x.shape[0] as number;
        const y = memory.allocate([n, weight.shape[0]], 'float32');
        args[0] = memory.address(x);
        args[1] = packed;
        args[2] = bias === null ? 0 : memory.address(bias);
        args[3] = memory.address(y);
        args[4] = n;
        args[5] = dtypeCodes[x.dtype];
        args[6] = activationCodes[activations];
        put(7, weight);
        putEpilogue(calls, 11, after);
        calls.run(linearId, 14);
        return y;
      },
    );
  }

  return {
    quantizedPack(bytes, spec) {
      const { packed } = sizes(spec);
      const y = memory.allocate([packed], 'uint8');
      args[0] = memory.address(bytes);
      args[1] = memory.address(y);
      put(2, spec);
      calls.run(packId, 6);
      return y;
    },
    quantizedUnpack(weight) {
      const from = addressOf(weight);
      const { file } = sizes(weight);
      const rows = weight.shape[0];
      const y = memory.allocate([rows, rows === 0 ? 0 : file / rows], 'uint8');
      args[0] = from;
      args[1] = memory.address(y);
      put(2, weight);
      calls.run(unpackId, 6);
      return y;
    },
    quantizedRows(weight, rows) {
      const from = addressOf(weight);
      const y = memory.allocate([rows.length, weight.shape[1]], 'float32');
      args[0] = from;
      args[1] = calls.hostInts(rows)[0] as number;
      args[2] = memory.address(y);
      args[3] = rows.length;
      put(4, weight);
      calls.run(rowsId, 8);
      return y;
    },
    quantizedLinear: (...args) => linear(null, ...args),
    quantizedLinearThen: linear,
  };
}

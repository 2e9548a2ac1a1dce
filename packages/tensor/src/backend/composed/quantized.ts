import { blockLayouts, groupsOf, rowBytes } from '../../quantized/format';
import type { Activations, Epilogue, NDArray, QuantizedArray, QuantizedKernels, QuantizedSpec } from '../contract';
import type { Steps } from './steps';
import { followed } from './transformer';

// Backends without kernels of their own keep the file layout and take it apart by arithmetic on bytes: every number
// below is a small integer or a product rounded where ggml rounds it, so float32 holds each step exactly.

/** Rows of the weight that are dequantised at a time. */
const tileRows = 1024;

/** Floor of x / divisor, for divisors that are powers of two. */
const quotient = (s: Steps, x: NDArray, divisor: number): NDArray =>
  s.own(s.kernels.unary('floor', s.mul(x, 1 / divisor)));

/** The bits of x from 2^shift on, `modulus` of them. */
function field(s: Steps, x: NDArray, shift: number, modulus: number): NDArray {
  const high = shift === 0 ? x : quotient(s, x, 2 ** shift);
  return s.sub(high, s.mul(quotient(s, high, modulus), modulus));
}

const low = (s: Steps, x: NDArray): NDArray => field(s, x, 0, 16);
const high = (s: Steps, x: NDArray): NDArray => quotient(s, x, 16);

/** x as an int8: 128 … 255 stand for -128 … -1. */
function signed(s: Steps, x: NDArray): NDArray {
  return s.where(s.own(s.kernels.compare('lt', x, s.fill([], 128))), x, s.sub(x, 256));
}

/** Entries of a table at whole numbers x of any shape. */
function lookUp(s: Steps, table: Float32Array, x: NDArray): NDArray {
  const size = x.shape.reduce((a, b) => a * b, 1);
  const index = s.view(s.cast(x, 'int32'), [size]);
  return s.view(s.own(s.kernels.indexSelect(s.upload(table, [table.length], 'float32'), index, 0)), x.shape);
}

/** Weight of float16's last place, signed, by its upper 6 bits; NaN for infinity and NaN. */
const float16Steps = Float32Array.from({ length: 64 }, (_, i) => {
  const exponent = i % 32;
  return exponent === 31 ? Number.NaN : (i < 32 ? 1 : -1) * 2 ** (Math.max(exponent, 1) - 25);
});

/** float16 of two bytes (…, 2): (…, 1). */
function float16(s: Steps, bytes: NDArray): NDArray {
  const [first, second] = [s.lastAxis(bytes, 0, 1, 1), s.lastAxis(bytes, 1, 1, 1)];
  const upper = quotient(s, second, 4);
  const fraction = s.add(s.mul(field(s, second, 0, 4), 256), first);
  const normal = s.own(s.kernels.compare('gt', field(s, upper, 0, 32), s.fill([], 0)));
  return s.mul(s.add(fraction, s.where(normal, 1024, 0)), lookUp(s, float16Steps, upper));
}

/** As float16Steps, by the upper 9 bits of a float32. */
const float32Steps = Float32Array.from({ length: 512 }, (_, i) => {
  const exponent = i % 256;
  return exponent === 255 ? Number.NaN : (i < 256 ? 1 : -1) * 2 ** (Math.max(exponent, 1) - 150);
});

/** float32 of four bytes (…, 4): (…, 1). */
function float32(s: Steps, bytes: NDArray): NDArray {
  const [a, b, c, d] = [0, 1, 2, 3].map((i) => s.lastAxis(bytes, i, 1, 1)) as [NDArray, NDArray, NDArray, NDArray];
  const upper = s.add(s.mul(d, 2), quotient(s, c, 128));
  const fraction = s.add(s.mul(s.add(s.mul(field(s, c, 0, 128), 256), b), 256), a);
  const normal = s.own(s.kernels.compare('gt', field(s, upper, 0, 256), s.fill([], 0)));
  return s.mul(s.add(fraction, s.where(normal, 2 ** 23, 0)), lookUp(s, float32Steps, upper));
}

/** The values of Q4_K's blocks (R, B, 144): (R, B, 256). */
function q4_k(s: Steps, x: NDArray): NDArray {
  const at = (start: number, count: number) => s.lastAxis(x, start, 1, count);
  const [d, dmin] = [float16(s, at(0, 2)), float16(s, at(2, 2))];
  const [a, b, c] = [at(4, 4), at(8, 4), at(12, 4)];
  const upper = (y: NDArray) => s.mul(quotient(s, y, 64), 16);
  const scales = s.concat([field(s, a, 0, 64), s.add(low(s, c), upper(a))], 2);
  const mins = s.concat([field(s, b, 0, 64), s.add(high(s, c), upper(b))], 2);
  const [rows, blocks] = x.shape as [number, number];
  const each = [rows, blocks, 8, 1];
  const pairs = s.view(at(16, 128), [rows, blocks, 4, 1, 32]);
  const q = s.view(s.concat([low(s, pairs), high(s, pairs)], 3), [rows, blocks, 8, 32]);
  return s.sub(s.mul(s.view(s.mul(d, scales), each), q), s.view(s.mul(dmin, mins), each));
}

/** The values of Q6_K's blocks (R, B, 210): (R, B, 256). */
function q6_k(s: Steps, x: NDArray): NDArray {
  const at = (start: number, count: number) => s.lastAxis(x, start, 1, count);
  const [rows, blocks] = x.shape as [number, number];
  const d = float16(s, at(208, 2));
  const lows = s.view(at(0, 128), [rows, blocks, 2, 1, 64]);
  const highs = s.view(at(128, 64), [rows, blocks, 2, 1, 32]);
  const four = s.view(s.concat([low(s, lows), high(s, lows)], 3), [rows, blocks, 2, 4, 32]);
  const two = s.concat(
    [0, 2, 4, 6].map((shift) => field(s, highs, shift, 4)),
    3,
  );
  const q = s.view(s.sub(s.add(four, s.mul(two, 16)), 32), [rows, blocks, 16, 16]);
  return s.mul(s.view(s.mul(d, signed(s, at(192, 16))), [rows, blocks, 16, 1]), q);
}

/** float32 values (R, K) of rows (R, bytes) in the file layout. */
function dequantize(s: Steps, bytes: NDArray, spec: QuantizedSpec): NDArray {
  const rows = bytes.shape[0] as number;
  const columns = spec.shape[1];
  const x = s.cast(bytes, 'float32');
  if (spec.format === 'int8') {
    const groups = groupsOf(spec);
    const scales = float32(s, s.view(s.lastAxis(x, 0, 1, 4 * groups), [rows, groups, 4]));
    const spread = s.own(s.kernels.broadcastTo(scales, [rows, groups, spec.groupSize]));
    const each = s.lastAxis(s.view(spread, [rows, groups * spec.groupSize]), 0, 1, columns);
    return s.mul(each, signed(s, s.lastAxis(x, 4 * groups, 1, columns)));
  }
  const layout = blockLayouts[spec.format];
  const blocks = s.view(x, [rows, columns / layout.values, layout.bytes]);
  const at = (start: number, count: number) => s.lastAxis(blocks, start, 1, count);
  const nibbles = (start: number) => s.concat([low(s, at(start, 16)), high(s, at(start, 16))], 2);
  const kinds: Readonly<Record<typeof spec.format, () => NDArray>> = {
    Q4_0: () => s.mul(float16(s, at(0, 2)), s.sub(nibbles(2), 8)),
    Q4_1: () => s.add(s.mul(float16(s, at(0, 2)), nibbles(4)), float16(s, at(2, 2))),
    Q4_K: () => q4_k(s, blocks),
    Q6_K: () => q6_k(s, blocks),
    Q8_0: () => s.mul(float16(s, at(0, 2)), signed(s, at(2, 32))),
  };
  return s.view(kinds[spec.format](), [rows, columns]);
}

/** x (N, K) as int8 activations stand for it. */
function roundedToInt8(s: Steps, x: NDArray): NDArray {
  const [rows, columns] = x.shape as [number, number];
  const groups = Math.ceil(columns / 32);
  const padded = s.own(s.kernels.pad(x, [0, 0], [0, groups * 32 - columns], 0));
  const grouped = s.view(padded, [rows, groups, 32]);
  const most = s.reduceLast('max', s.unary('abs', grouped));
  const finite = s.own(s.kernels.isFinite(most));
  const scale = s.where(finite, s.div(most, 127), Number.NaN);
  // Below float32's normal range a group counts as zero.
  const small = s.own(s.kernels.compare('lt', scale, s.fill([], 1.1754943508222875e-38)));
  const inverse = s.unary('reciprocal', s.where(small, 1, scale));
  const whole = s.own(s.kernels.unary('round', s.mul(grouped, inverse)));
  const y = s.mul(s.where(small, 0, scale), whole);
  return s.lastAxis(s.view(y, [rows, groups * 32]), 0, 1, columns);
}

const fileLayout = (weight: QuantizedArray): NDArray => ({
  block: weight.block,
  offset: 0,
  shape: [weight.shape[0], rowBytes(weight)],
  dtype: 'uint8',
});

export function quantizedPack(s: Steps, bytes: NDArray): NDArray {
  return s.own(s.kernels.copy(s.view(bytes, [bytes.shape.reduce((a, b) => a * b, 1)])));
}

export function quantizedUnpack(s: Steps, weight: QuantizedArray): NDArray {
  return s.own(s.kernels.copy(fileLayout(weight)));
}

export function quantizedRows(s: Steps, weight: QuantizedArray, rows: Int32Array): NDArray {
  if (rows.length === 0 || weight.shape[1] === 0) return s.fill([rows.length, weight.shape[1]], 0);
  const index = s.upload(rows, [rows.length], 'int32');
  return dequantize(s, s.own(s.kernels.indexSelect(fileLayout(weight), index, 0)), weight);
}

export function quantizedLinear(
  s: Steps,
  ...args: readonly [x: NDArray, weight: QuantizedArray, bias: NDArray | null, activations: Activations]
): NDArray {
  const [x, weight, bias, activations] = args;
  const [m, k] = weight.shape;
  const rows = x.shape[0] as number;
  const wide = s.cast(x, 'float32');
  const values = activations === 'int8' && k > 0 && rows > 0 ? roundedToInt8(s, wide) : wide;
  const compute = activations === 'bfloat16' ? 'bfloat16' : 'float32';
  const parts: NDArray[] = [];
  for (let from = 0; from < m; from += tileRows) {
    const count = Math.min(tileRows, m - from);
    parts.push(
      s.inner((t) => {
        const bytes = t.rows(fileLayout(weight), from, count);
        return t.matmul(values, k === 0 ? t.fill([count, 0], 0) : dequantize(t, bytes, weight), 'b', compute);
      }),
    );
  }
  const y = parts.length === 0 ? s.fill([rows, 0], 0) : parts.length === 1 ? (parts[0] as NDArray) : s.concat(parts, 1);
  return bias === null ? y : s.add(y, s.cast(bias, 'float32'));
}

export function quantizedLinearThen(
  s: Steps,
  after: Epilogue,
  ...args: Parameters<QuantizedKernels['quantizedLinear']>
): NDArray {
  return followed(s, quantizedLinear(s, ...args), after);
}

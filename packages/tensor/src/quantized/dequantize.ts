import type { QuantizedFormat, QuantizedSpec } from '../backend/contract';
import { fromFloat16 } from '../raw';
import { blockLayouts, groupsOf } from './format';

/** Reads a block at byte `at` into values from `to`; every step rounds to float32 where ggml's does. */
type Decode = (view: DataView, at: number, out: Float32Array, to: number) => void;

const fround = Math.fround;
const float16 = (view: DataView, at: number): number => fromFloat16(view.getUint16(at, true));

const q8_0: Decode = (view, at, out, to) => {
  const d = float16(view, at);
  for (let i = 0; i < 32; i++) out[to + i] = d * view.getInt8(at + 2 + i);
};

const q4_0: Decode = (view, at, out, to) => {
  const d = float16(view, at);
  for (let i = 0; i < 16; i++) {
    const pair = view.getUint8(at + 2 + i);
    out[to + i] = d * ((pair & 15) - 8);
    out[to + 16 + i] = d * ((pair >> 4) - 8);
  }
};

const q4_1: Decode = (view, at, out, to) => {
  const d = float16(view, at);
  const m = float16(view, at + 2);
  for (let i = 0; i < 16; i++) {
    const pair = view.getUint8(at + 4 + i);
    out[to + i] = fround(d * (pair & 15)) + m;
    out[to + 16 + i] = fround(d * (pair >> 4)) + m;
  }
};

/** Scale and minimum (6 bits each) of sub-block j of Q4_K; the bytes from `at` hold 8 of each. */
function scaleAndMin(view: DataView, at: number, j: number): [scale: number, min: number] {
  const byte = (i: number): number => view.getUint8(at + i);
  if (j < 4) return [byte(j) & 63, byte(j + 4) & 63];
  return [(byte(j + 4) & 15) | ((byte(j - 4) >> 6) << 4), (byte(j + 4) >> 4) | ((byte(j) >> 6) << 4)];
}

const q4_k: Decode = (view, at, out, to) => {
  const d = float16(view, at);
  const dmin = float16(view, at + 2);
  for (let j = 0; j < 8; j++) {
    const [scale, min] = scaleAndMin(view, at + 4, j);
    const step = fround(d * scale);
    const low = fround(dmin * min);
    // 32 bytes hold two sub-blocks: the even one in the low nibbles.
    for (let i = 0; i < 32; i++) {
      const q = (view.getUint8(at + 16 + 32 * (j >> 1) + i) >> (4 * (j & 1))) & 15;
      out[to + 32 * j + i] = fround(step * q) - low;
    }
  }
};

const q6_k: Decode = (view, at, out, to) => {
  const d = float16(view, at + 208);
  for (let i = 0; i < 256; i++) {
    // Halves of 128 values; in each, quarters of 32 share the bytes of their bits.
    const half = i >> 7;
    const quarter = (i >> 5) & 3;
    const place = i & 31;
    const low = view.getUint8(at + 64 * half + 32 * (quarter & 1) + place) >> (quarter < 2 ? 0 : 4);
    const high = view.getUint8(at + 128 + 32 * half + place) >> (2 * quarter);
    const q = ((low & 15) | ((high & 3) << 4)) - 32;
    out[to + i] = fround(d * view.getInt8(at + 192 + (i >> 4))) * q;
  }
};

const decoders: Readonly<Record<Exclude<QuantizedFormat, 'int8'>, Decode>> = {
  Q4_0: q4_0,
  Q4_1: q4_1,
  Q4_K: q4_k,
  Q6_K: q6_k,
  Q8_0: q8_0,
};

/** @internal The float32 values of a row whose file layout starts at byte `at` of view, into out from `to`. */
export function dequantizeRow(spec: QuantizedSpec, view: DataView, at: number, out: Float32Array, to: number): void {
  const columns = spec.shape[1];
  if (spec.format === 'int8') {
    const first = at + 4 * groupsOf(spec);
    for (let i = 0; i < columns; i++) {
      out[to + i] = view.getFloat32(at + 4 * Math.floor(i / spec.groupSize), true) * view.getInt8(first + i);
    }
    return;
  }
  const { values, bytes } = blockLayouts[spec.format];
  for (let block = 0; block < columns / values; block++) {
    decoders[spec.format](view, at + block * bytes, out, to + block * values);
  }
}

import { i8, half, u8, type UnpackBlock } from './block.js';

const fround = Math.fround;

/** Number n of 256 that lie as four layers of 2 bits in each run of 32 bytes. */
const twoBits = (bytes: Uint8Array, at: number, n: number): number =>
  (u8(bytes, at + 32 * (n >> 7) + (n & 31)) >> (2 * ((n >> 5) & 3))) & 3;

/** 16 pairs of 4 bits (scale, minimum), 256 numbers of 2 bits, d, dmin; value d scale q - dmin minimum. */
export const unpackQ2_K: UnpackBlock = (bytes, at, out, to) => {
  const d = half(bytes, at + 80);
  const dmin = half(bytes, at + 82);
  for (let g = 0; g < 16; g++) {
    const pair = u8(bytes, at + g);
    const scale = fround(d * (pair & 15));
    const min = fround(dmin * (pair >> 4));
    for (let n = 16 * g; n < 16 * g + 16; n++) out[to + n] = fround(scale * twoBits(bytes, at + 16, n)) - min;
  }
};

/** 256 third bits, 256 numbers of 2 bits, 16 scales of 6 bits, d; value d (scale - 32) (q - 4). */
export const unpackQ3_K: UnpackBlock = (bytes, at, out, to) => {
  const d = half(bytes, at + 108);
  for (let g = 0; g < 16; g++) {
    const low = (u8(bytes, at + 96 + (g & 7)) >> (4 * (g >> 3))) & 15;
    const high = (u8(bytes, at + 104 + (g & 3)) >> (2 * (g >> 2))) & 3;
    const scale = fround(d * ((low | (high << 4)) - 32));
    for (let n = 16 * g; n < 16 * g + 16; n++) {
      const third = (u8(bytes, at + (n & 31)) >> (n >> 5)) & 1;
      out[to + n] = scale * (twoBits(bytes, at + 32, n) - (third === 1 ? 0 : 4));
    }
  }
};

/** Scale i of the eight that Q4_K and Q5_K keep in 12 bytes, 6 bits each. */
const scaleOf = (bytes: Uint8Array, at: number, i: number): number =>
  i < 4 ? u8(bytes, at + i) & 63 : (u8(bytes, at + i + 4) & 15) | ((u8(bytes, at + i - 4) >> 2) & 0x30);

/** Minimum i of the eight. */
const minOf = (bytes: Uint8Array, at: number, i: number): number =>
  i < 4 ? u8(bytes, at + 4 + i) & 63 : (u8(bytes, at + i + 4) >> 4) | ((u8(bytes, at + i) >> 2) & 0x30);

/** d, dmin, 8 scales and minima, 256 numbers of 4 bits; value d scale q - dmin minimum. */
export const unpackQ4_K: UnpackBlock = (bytes, at, out, to) => {
  const d = half(bytes, at);
  const dmin = half(bytes, at + 2);
  for (let i = 0; i < 8; i++) {
    const scale = fround(d * scaleOf(bytes, at + 4, i));
    const min = fround(dmin * minOf(bytes, at + 4, i));
    const from = at + 16 + 32 * (i >> 1);
    const shift = 4 * (i & 1);
    for (let j = 0; j < 32; j++) {
      out[to + 32 * i + j] = fround(scale * ((u8(bytes, from + j) >> shift) & 15)) - min;
    }
  }
};

/** As Q4_K with 256 fifth bits before the numbers. */
export const unpackQ5_K: UnpackBlock = (bytes, at, out, to) => {
  const d = half(bytes, at);
  const dmin = half(bytes, at + 2);
  for (let i = 0; i < 8; i++) {
    const scale = fround(d * scaleOf(bytes, at + 4, i));
    const min = fround(dmin * minOf(bytes, at + 4, i));
    const from = at + 48 + 32 * (i >> 1);
    const shift = 4 * (i & 1);
    for (let j = 0; j < 32; j++) {
      const fifth = (u8(bytes, at + 16 + j) >> i) & 1;
      out[to + 32 * i + j] = fround(scale * (((u8(bytes, from + j) >> shift) & 15) | (fifth << 4))) - min;
    }
  }
};

/** 256 lower halves of 4 bits, 256 upper ones of 2, 16 signed scales, d; value d scale (q - 32). */
export const unpackQ6_K: UnpackBlock = (bytes, at, out, to) => {
  const d = half(bytes, at + 208);
  for (let g = 0; g < 16; g++) {
    const scale = fround(d * i8(bytes, at + 192 + g));
    for (let n = 16 * g; n < 16 * g + 16; n++) {
      const low = (u8(bytes, at + 64 * (n >> 7) + (n & 63)) >> (4 * ((n >> 6) & 1))) & 15;
      out[to + n] = scale * ((low | (twoBits(bytes, at + 128, n) << 4)) - 32);
    }
  }
};

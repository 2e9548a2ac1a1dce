import { i8, half, u16, u32, u8, type UnpackBlock } from './block.js';

/** Values of the 4-bit numbers of IQ4_NL and IQ4_XS. */
export const iq4Levels = Int8Array.of(-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113);

/** Twice the values of E2M1, the 4-bit float of MXFP4 and NVFP4. */
export const e2m1Doubled = Int8Array.of(0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12);

const fround = Math.fround;

/** d, then 32 numbers of 4 bits: the low halves of 16 bytes, then the high ones; value d (q - 8). */
export const unpackQ4_0: UnpackBlock = (bytes, at, out, to) => {
  const d = half(bytes, at);
  for (let j = 0; j < 16; j++) {
    const b = u8(bytes, at + 2 + j);
    out[to + j] = d * ((b & 15) - 8);
    out[to + 16 + j] = d * ((b >> 4) - 8);
  }
};

/** d and m, then 32 numbers of 4 bits; value d q + m. */
export const unpackQ4_1: UnpackBlock = (bytes, at, out, to) => {
  const d = half(bytes, at);
  const m = half(bytes, at + 2);
  for (let j = 0; j < 16; j++) {
    const b = u8(bytes, at + 4 + j);
    out[to + j] = fround(d * (b & 15)) + m;
    out[to + 16 + j] = fround(d * (b >> 4)) + m;
  }
};

/** d, 32 fifth bits, 32 numbers of 4 bits; value d (q - 16). */
export const unpackQ5_0: UnpackBlock = (bytes, at, out, to) => {
  const d = half(bytes, at);
  const high = u32(bytes, at + 2);
  for (let j = 0; j < 16; j++) {
    const b = u8(bytes, at + 6 + j);
    out[to + j] = d * (((b & 15) | (((high >>> j) & 1) << 4)) - 16);
    out[to + 16 + j] = d * (((b >> 4) | (((high >>> (j + 16)) & 1) << 4)) - 16);
  }
};

/** d and m, 32 fifth bits, 32 numbers of 4 bits; value d q + m. */
export const unpackQ5_1: UnpackBlock = (bytes, at, out, to) => {
  const d = half(bytes, at);
  const m = half(bytes, at + 2);
  const high = u32(bytes, at + 4);
  for (let j = 0; j < 16; j++) {
    const b = u8(bytes, at + 8 + j);
    out[to + j] = fround(d * ((b & 15) | (((high >>> j) & 1) << 4))) + m;
    out[to + 16 + j] = fround(d * ((b >> 4) | (((high >>> (j + 16)) & 1) << 4))) + m;
  }
};

/** d, then 32 signed bytes; value d q. */
export const unpackQ8_0: UnpackBlock = (bytes, at, out, to) => {
  const d = half(bytes, at);
  for (let j = 0; j < 32; j++) out[to + j] = d * i8(bytes, at + 2 + j);
};

/** d, then 32 numbers of 4 bits that stand for uneven levels. */
export const unpackIQ4_NL: UnpackBlock = (bytes, at, out, to) => {
  const d = half(bytes, at);
  for (let j = 0; j < 16; j++) {
    const b = u8(bytes, at + 2 + j);
    out[to + j] = d * (iq4Levels[b & 15] as number);
    out[to + 16 + j] = d * (iq4Levels[b >> 4] as number);
  }
};

/** d, eight scales of 6 bits (upper two, lower four), then 256 numbers of 4 bits that stand for uneven levels. */
export const unpackIQ4_XS: UnpackBlock = (bytes, at, out, to) => {
  const d = half(bytes, at);
  const high = u16(bytes, at + 2);
  for (let i = 0; i < 8; i++) {
    const low = (u8(bytes, at + 4 + (i >> 1)) >> (4 * (i & 1))) & 15;
    const scale = fround(d * ((low | (((high >> (2 * i)) & 3) << 4)) - 32));
    for (let j = 0; j < 16; j++) {
      const b = u8(bytes, at + 8 + 16 * i + j);
      out[to + 32 * i + j] = scale * (iq4Levels[b & 15] as number);
      out[to + 32 * i + 16 + j] = scale * (iq4Levels[b >> 4] as number);
    }
  }
};

/** An exponent (E8M0), then 32 numbers of E2M1. */
export const unpackMXFP4: UnpackBlock = (bytes, at, out, to) => {
  // Half the scale, as the levels are doubled; the lowest exponents make it subnormal, which float32 holds.
  const d = 2 ** (u8(bytes, at) - 128);
  for (let j = 0; j < 16; j++) {
    const b = u8(bytes, at + 1 + j);
    out[to + j] = d * (e2m1Doubled[b & 15] as number);
    out[to + 16 + j] = d * (e2m1Doubled[b >> 4] as number);
  }
};

/** Four scales (E4M3 without sign), then four times 16 numbers of E2M1. */
export const unpackNVFP4: UnpackBlock = (bytes, at, out, to) => {
  for (let i = 0; i < 4; i++) {
    const d = 0.5 * unsignedE4M3(u8(bytes, at + i));
    for (let j = 0; j < 8; j++) {
      const b = u8(bytes, at + 4 + 8 * i + j);
      out[to + 16 * i + j] = d * (e2m1Doubled[b & 15] as number);
      out[to + 16 * i + 8 + j] = d * (e2m1Doubled[b >> 4] as number);
    }
  }
};

function unsignedE4M3(byte: number): number {
  const exponent = (byte >> 3) & 15;
  const mantissa = byte & 7;
  if (byte === 0x7f) return 0; // not a number, which files don't hold
  return exponent === 0 ? mantissa * 2 ** -9 : (1 + mantissa / 8) * 2 ** (exponent - 7);
}

/** 240 numbers from -1 to 1, five in a byte, 16 more, four in a byte, then d. Digits are the byte's leading base-3 ones. */
export const unpackTQ1_0: UnpackBlock = (bytes, at, out, to) => {
  const d = half(bytes, at + 52);
  const digits = (from: number, count: number, powers: readonly number[], first: number): void => {
    powers.forEach((power, k) => {
      for (let j = 0; j < count; j++) {
        const rest = (u8(bytes, from + j) * power) & 255;
        out[first + k * count + j] = d * (((rest * 3) >> 8) - 1);
      }
    });
  };
  digits(at, 32, [1, 3, 9, 27, 81], to);
  digits(at + 32, 16, [1, 3, 9, 27, 81], to + 160);
  digits(at + 48, 4, [1, 3, 9, 27], to + 240);
};

/** 256 numbers of 2 bits, then d; value d (q - 1). */
export const unpackTQ2_0: UnpackBlock = (bytes, at, out, to) => {
  const d = half(bytes, at + 64);
  for (let n = 0; n < 256; n++) {
    out[to + n] = d * (((u8(bytes, at + 32 * (n >> 7) + (n & 31)) >> (2 * ((n >> 5) & 3))) & 3) - 1);
  }
};

import { half, u16, u32, u8, type UnpackBlock } from './block.js';
import { iq1sGrid, iq2sGrid, iq2xsGrid, iq2xxsGrid, iq3sGrid, iq3xxsGrid } from './grids.js';

const fround = Math.fround;

/** Eight signs from seven bits: the eighth makes the number of minus signs even. */
const evenSigns = Uint8Array.from({ length: 128 }, (_, bits) => {
  let odd = 0;
  for (let i = 0; i < 7; i++) odd ^= (bits >> i) & 1;
  return bits | (odd << 7);
});

/** Where the points of a row of 8 values come from. */
interface Signed {
  readonly grid: Int8Array;
  /** Index of the point times its number of coordinates. */
  readonly from: number;
  readonly scale: number;
  /** One bit for each coordinate, 1 for minus, lowest first. */
  readonly signs: number;
}

/** Writes `count` coordinates of a point, scaled and signed. */
function put(out: Float32Array, to: number, count: number, { grid, from, scale, signs }: Signed): void {
  for (let j = 0; j < count; j++) {
    const x = scale * (grid[from + j] as number);
    out[to + j] = (signs >> j) & 1 ? -x : x;
  }
}

/** d, then for 32 values: four indices of 8 bits, four sign patterns of 7 and a scale of 4. */
export const unpackIQ2_XXS: UnpackBlock = (bytes, at, out, to) => {
  const d = half(bytes, at);
  const grid = iq2xxsGrid();
  for (let i = 0; i < 8; i++) {
    const from = at + 2 + 8 * i;
    const word = u32(bytes, from + 4);
    const scale = fround(d * (0.5 + (word >>> 28))) * 0.25;
    for (let k = 0; k < 4; k++) {
      const signs = evenSigns[(word >>> (7 * k)) & 127] as number;
      put(out, to + 32 * i + 8 * k, 8, { grid, from: 8 * u8(bytes, from + k), scale, signs });
    }
  }
};

/** d, 32 indices of 9 bits with sign patterns of 7, 16 scales of 4 bits. */
export const unpackIQ2_XS: UnpackBlock = (bytes, at, out, to) => {
  const d = half(bytes, at);
  const grid = iq2xsGrid();
  for (let g = 0; g < 32; g++) {
    const word = u16(bytes, at + 2 + 2 * g);
    const scale = fround(d * (0.5 + ((u8(bytes, at + 66 + (g >> 2)) >> (4 * ((g >> 1) & 1))) & 15))) * 0.25;
    const signs = evenSigns[word >> 9] as number;
    put(out, to + 8 * g, 8, { grid, from: 8 * (word & 511), scale, signs });
  }
};

/** d, 32 indices (lower 8 bits), 32 times 8 signs, 32 times two upper bits, 16 scales of 4 bits. */
export const unpackIQ2_S: UnpackBlock = (bytes, at, out, to) => {
  const d = half(bytes, at);
  const grid = iq2sGrid();
  for (let g = 0; g < 32; g++) {
    const upper = (u8(bytes, at + 66 + (g >> 2)) >> (2 * (g & 3))) & 3;
    const scale = fround(d * (0.5 + ((u8(bytes, at + 74 + (g >> 2)) >> (4 * ((g >> 1) & 1))) & 15))) * 0.25;
    const from = 8 * (u8(bytes, at + 2 + g) | (upper << 8));
    put(out, to + 8 * g, 8, { grid, from, scale, signs: u8(bytes, at + 34 + g) });
  }
};

/** d, 64 indices of 8 bits, then for 32 values four sign patterns of 7 bits and a scale of 4. */
export const unpackIQ3_XXS: UnpackBlock = (bytes, at, out, to) => {
  const d = half(bytes, at);
  const grid = iq3xxsGrid();
  for (let g = 0; g < 64; g++) {
    const word = u32(bytes, at + 66 + 4 * (g >> 3));
    const scale = fround(d * (0.5 + (word >>> 28))) * 0.5;
    const signs = (evenSigns[(word >>> (7 * ((g >> 1) & 3))) & 127] as number) >> (4 * (g & 1));
    put(out, to + 4 * g, 4, { grid, from: 4 * u8(bytes, at + 2 + g), scale, signs });
  }
};

/** d, 64 indices (lower 8 bits), 64 ninth bits, 256 signs, 8 scales of 4 bits. */
export const unpackIQ3_S: UnpackBlock = (bytes, at, out, to) => {
  const d = half(bytes, at);
  const grid = iq3sGrid();
  for (let g = 0; g < 64; g++) {
    const ninth = (u8(bytes, at + 66 + (g >> 3)) >> (g & 7)) & 1;
    const scale = fround(d * (1 + 2 * ((u8(bytes, at + 106 + (g >> 4)) >> (4 * ((g >> 3) & 1))) & 15)));
    const signs = u8(bytes, at + 74 + (g >> 1)) >> (4 * (g & 1));
    put(out, to + 4 * g, 4, { grid, from: 4 * (u8(bytes, at + 2 + g) | (ninth << 8)), scale, signs });
  }
};

/** Every coordinate of the ternary points is moved by this, up or down. */
const delta = 0.125;

function putShifted(out: Float32Array, to: number, from: number, scale: number, shift: number): void {
  const grid = iq1sGrid();
  for (let j = 0; j < 8; j++) out[to + j] = scale * ((grid[from + j] as number) + shift);
}

/** d, 32 indices (lower 8 bits), then for 32 values: four times three upper bits, a scale of 3 and the shift's sign. */
export const unpackIQ1_S: UnpackBlock = (bytes, at, out, to) => {
  const d = half(bytes, at);
  for (let i = 0; i < 8; i++) {
    const word = u16(bytes, at + 34 + 2 * i);
    const scale = fround(d * (2 * ((word >> 12) & 7) + 1));
    const shift = word & 0x8000 ? -delta : delta;
    for (let k = 0; k < 4; k++) {
      const index = u8(bytes, at + 2 + 4 * i + k) | (((word >> (3 * k)) & 7) << 8);
      putShifted(out, to + 32 * i + 8 * k, 8 * index, scale, shift);
    }
  }
};

const scaleBits = new Uint8Array(2);

/** 32 indices (lower 8 bits), 32 times three upper bits and the shift's sign, 16 scales of 3 bits around d's 16. */
export const unpackIQ1_M: UnpackBlock = (bytes, at, out, to) => {
  const word = (i: number): number => u16(bytes, at + 48 + 2 * i);
  const bits = (word(0) >> 12) | ((word(1) >> 8) & 0xf0) | ((word(2) >> 4) & 0xf00) | (word(3) & 0xf000);
  scaleBits[0] = bits & 255;
  scaleBits[1] = bits >> 8;
  const d = half(scaleBits, 0);
  for (let g = 0; g < 32; g++) {
    const scale = fround(d * (2 * ((word(g >> 3) >> (3 * ((g >> 1) & 3))) & 7) + 1));
    const nibble = u8(bytes, at + 32 + (g >> 1)) >> (4 * (g & 1));
    const index = u8(bytes, at + g) | ((nibble & 7) << 8);
    putShifted(out, to + 8 * g, 8 * index, scale, nibble & 8 ? -delta : delta);
  }
};

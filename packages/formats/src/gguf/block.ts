import { float16ToFloat32 } from '../floats.js';

/**
 * Unpacks one block: reads its bytes from `at` on and writes its values from `to` on.
 *
 * Products are rounded to float32 one by one (storing into `out` rounds too), so that values are those of the float32
 * arithmetic that the format was defined with.
 */
export type UnpackBlock = (bytes: Uint8Array, at: number, out: Float32Array, to: number) => void;

let halves: Float32Array | undefined;

/** A float16 of the block, as a number. */
export function half(bytes: Uint8Array, at: number): number {
  halves ??= float16ToFloat32(Uint16Array.from({ length: 65536 }, (_, bits) => bits));
  return halves[u16(bytes, at)] ?? 0;
}

export const u8 = (bytes: Uint8Array, at: number): number => bytes[at] as number;
export const i8 = (bytes: Uint8Array, at: number): number => ((bytes[at] as number) << 24) >> 24;
export const u16 = (bytes: Uint8Array, at: number): number => (bytes[at] as number) | ((bytes[at + 1] as number) << 8);
/** 32 bits as a signed number; shift it right by >>> 0 where the sign matters. */
export const u32 = (bytes: Uint8Array, at: number): number => u16(bytes, at) | (u16(bytes, at + 2) << 16);

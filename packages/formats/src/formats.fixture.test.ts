import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { z } from 'zod';
import { area, fixtureCase, present } from './fixture-case.js';
import {
  bfloat16ToFloat32,
  float16ToFloat32,
  float32ToBfloat16,
  float32ToFloat16,
  openCheckpoint,
  openSafetensors,
  parseSafetensors,
  type RawTensor,
  serializeSafetensors,
  toFloat32,
  toTypedArray,
} from './index.js';

const value = z.union([z.number(), z.string(), z.boolean()]);
const listSchema = z.object({
  valid: z.array(
    z.object({
      file: z.string(),
      metadata: z.record(z.string(), z.string()).nullable(),
      // Pairs, because a record schema would lose a tensor named __proto__.
      tensors: z
        .custom<object>((x) => typeof x === 'object' && x !== null)
        .transform((x) => Object.entries(x))
        .pipe(
          z.array(
            z.tuple([z.string(), z.object({ dtype: z.string(), shape: z.array(z.number()), values: z.array(value) })]),
          ),
        ),
    }),
  ),
  must_refuse: z.array(z.object({ file: z.string(), reason: z.string() })),
  sharded: z.object({
    valid: z.string(),
    tensors: z.record(z.string(), z.array(z.union([z.number(), z.array(z.number())]))),
    must_refuse: z.array(z.object({ file: z.string(), reason: z.string() })),
  }),
});

const numbers = z.array(z.number());
const floatsSchema = z.object({
  float32_bits: numbers,
  float16_bits: numbers,
  bfloat16_bits: numbers,
  e4m3fn_decode: z.array(z.union([z.number(), z.string()])),
  e5m2_decode: z.array(z.union([z.number(), z.string()])),
});

const readJson = (file: string): unknown => JSON.parse(readFileSync(join(area, file), 'utf8'));

function values(tensor: RawTensor): unknown[] {
  const { dtype } = tensor;
  if (dtype === 'BOOL') return [...tensor.bytes].map((x) => x !== 0);
  if ((dtype.startsWith('F') && dtype !== 'F64') || dtype === 'BF16') return [...toFloat32(tensor)];
  return [...toTypedArray(tensor)];
}

function wanted(x: number | string | boolean, dtype: string): unknown {
  if (dtype === 'I64' || dtype === 'U64') return BigInt(x);
  return typeof x === 'string' ? Number(x) : x;
}

describe.skipIf(!present)(`fixtures: quant/safetensors (${present ? area : 'skipped, no fixtures folder'})`, () => {
  const list = present ? listSchema.parse(readJson('safetensors/list.json')) : undefined;
  const at = (file: string) => join(area, 'safetensors', file);

  for (const { file, metadata, tensors } of list?.valid ?? []) {
    fixtureCase(`reads ${file}`, async () => {
      const parsed = parseSafetensors(readFileSync(at(file)), file);
      const reader = await openSafetensors(at(file));
      expect({ ...parsed.metadata }).toEqual(metadata ?? {});
      expect([...parsed.tensors.keys()].sort()).toEqual(tensors.map(([name]) => name).sort());
      for (const [name, expected] of tensors) {
        for (const tensor of [parsed.tensors.get(name), await reader.read(name)]) {
          if (!tensor) throw new Error(`no ${name}`);
          expect(tensor.dtype).toBe(expected.dtype);
          expect(tensor.shape).toEqual(expected.shape);
          expect(values(tensor)).toEqual(expected.values.map((x) => wanted(x, expected.dtype)));
        }
      }
      await reader.close();
      const again = parseSafetensors(serializeSafetensors(parsed.tensors, { metadata: parsed.metadata }));
      expect(again.tensors).toEqual(
        new Map(
          [...parsed.tensors].map(([name, tensor]) => [name, { ...tensor, bytes: new Uint8Array(tensor.bytes) }]),
        ),
      );
    });
  }

  for (const { file, reason } of list?.must_refuse ?? []) {
    fixtureCase(`refuses ${file}: ${reason}`, async () => {
      await expect(openSafetensors(at(file))).rejects.toMatchObject({ name: 'FormatsError', code: 'invalid_file' });
      expect(() => parseSafetensors(readFileSync(at(file)))).toThrow(
        expect.objectContaining({ name: 'FormatsError', code: 'invalid_file' }),
      );
    });
  }

  fixtureCase('reads the sharded checkpoint', async () => {
    const reader = await openCheckpoint(at(list?.sharded.valid ?? ''));
    const tensors = Object.entries(list?.sharded.tensors ?? {});
    expect([...reader.tensors.keys()].sort()).toEqual(tensors.map(([name]) => name).sort());
    for (const [name, expected] of tensors) {
      const tensor = await reader.read(name);
      expect(values(tensor)).toEqual(expected.flat());
    }
    await reader.close();
  });

  for (const { file, reason } of list?.sharded.must_refuse ?? []) {
    fixtureCase(`refuses ${file}: ${reason}`, async () => {
      await expect(openCheckpoint(at(file))).rejects.toMatchObject({ name: 'FormatsError' });
    });
  }
});

describe.skipIf(!present)('fixtures: quant/small_floats', () => {
  const floats = present ? floatsSchema.parse(readJson('small_floats.json')) : undefined;
  const bits = (list: readonly number[] = []) => Uint32Array.from(list);

  fixtureCase('rounds float32 to float16 and bfloat16', () => {
    const inputs = new Float32Array(bits(floats?.float32_bits).buffer);
    // NaN payloads are not fixed, so that NaNs are compared as values.
    const check = (got: Uint16Array, want: Uint16Array, decode: (x: Uint16Array) => Float32Array) => {
      const nan = (x: number, i: number) => (Number.isNaN(decode(want)[i]) ? 0x7fff : x);
      expect(got.map(nan)).toEqual(want.map(nan));
      expect([...decode(got)].map(Number.isNaN)).toEqual([...decode(want)].map(Number.isNaN));
    };
    check(float32ToFloat16(inputs), Uint16Array.from(floats?.float16_bits ?? []), (x) => float16ToFloat32(x));
    check(float32ToBfloat16(inputs), Uint16Array.from(floats?.bfloat16_bits ?? []), (x) => bfloat16ToFloat32(x));
  });

  fixtureCase('decodes every FP8 pattern', () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
    expect([...toFloat32({ dtype: 'F8_E4M3', bytes })]).toEqual(floats?.e4m3fn_decode.map(Number));
    expect([...toFloat32({ dtype: 'F8_E5M2', bytes })]).toEqual(floats?.e5m2_decode.map(Number));
  });
});

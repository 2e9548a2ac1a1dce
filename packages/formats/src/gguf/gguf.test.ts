import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bytesSource, FormatsError } from '../index.js';
import { openGguf } from './read.js';
import { type GgufTensor, type GgufTensorType, ggufByteLength, ggufTypes } from './tensor-type.js';
import type { GgufArray, GgufNumberType, GgufValue } from './value.js';
import { ggufPlainMetadata } from './value.js';
import { serializeGguf, writeGguf } from './write.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tessera-gguf-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const numbers: Record<GgufNumberType, fc.Arbitrary<number>> = {
  uint8: fc.integer({ min: 0, max: 255 }),
  int8: fc.integer({ min: -128, max: 127 }),
  uint16: fc.integer({ min: 0, max: 65535 }),
  int16: fc.integer({ min: -32768, max: 32767 }),
  uint32: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  int32: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  float32: fc.float(),
  float64: fc.double(),
};

const text = fc.string({ unit: 'grapheme', maxLength: 12 });
const scalars: fc.Arbitrary<GgufValue>[] = [
  ...Object.entries(numbers).map(([type, value]) => fc.record({ type: fc.constant(type as GgufNumberType), value })),
  fc.record({ type: fc.constant('uint64' as const), value: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }) }),
  fc.record({ type: fc.constant('int64' as const), value: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }) }),
  fc.record({ type: fc.constant('bool' as const), value: fc.boolean() }),
  fc.record({ type: fc.constant('string' as const), value: text }),
];
const flat = fc.oneof(
  fc.record({
    type: fc.constant('array' as const),
    itemType: fc.constant('string' as const),
    value: fc.array(text, { maxLength: 4 }),
  }),
  fc.record({
    type: fc.constant('array' as const),
    itemType: fc.constant('int32' as const),
    value: fc.array(numbers.int32, { maxLength: 4 }),
  }),
);
const value: fc.Arbitrary<GgufValue> = fc.oneof(
  ...scalars,
  flat,
  fc.record({
    type: fc.constant('array' as const),
    itemType: fc.constant('array' as const),
    value: fc.array(flat, { maxLength: 3 }),
  }),
);
const key = text.filter((name) => name !== 'general.alignment');

/** A tensor of any type, its rows whole blocks. */
const tensor: fc.Arbitrary<GgufTensor> = fc
  .record({
    type: fc.constantFrom(...(Object.keys(ggufTypes) as GgufTensorType[])),
    outer: fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 3 }),
    blocks: fc.integer({ min: 0, max: 2 }),
    seed: fc.integer({ min: 0, max: 255 }),
  })
  .map(({ type, outer, blocks, seed }) => {
    const shape = [...outer, blocks * ggufTypes[type].blockSize];
    const bytes = new Uint8Array(ggufByteLength(type, shape) ?? 0).map((_, i) => i * 31 + seed);
    return { type, shape, bytes };
  });

const uniqueBy = <T>(item: fc.Arbitrary<T>, maxLength: number) =>
  fc.uniqueArray(fc.tuple(key, item), { selector: ([name]) => name, maxLength });

describe('GGUF', () => {
  it('gives back whatever was written', async () => {
    await fc.assert(
      fc.asyncProperty(
        uniqueBy(value, 6),
        uniqueBy(tensor, 5),
        fc.constantFrom(1, 8, 32, 256),
        async (entries, tensors, alignment) => {
          const metadata = new Map<string, GgufValue>([
            ...entries,
            ['general.alignment', { type: 'uint32', value: alignment }],
          ]);
          const reader = await openGguf(bytesSource(serializeGguf({ metadata, tensors })));
          expect([...reader.metadata]).toEqual([...metadata]);
          expect([...reader.tensors.keys()]).toEqual(tensors.map(([name]) => name));
          for (const [name, want] of tensors) {
            expect((reader.tensors.get(name)?.byteOffset ?? -1) % alignment).toBe(0);
            expect(await reader.read(name)).toEqual(want);
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  const good = () =>
    serializeGguf({
      metadata: {
        'general.architecture': { type: 'string', value: 'llama' },
        'a.list': { type: 'array', itemType: 'string', value: ['x', 'yz'] },
        'a.number': { type: 'uint64', value: 5n },
      },
      tensors: {
        q: { type: 'Q4_0', shape: [2, 32], bytes: new Uint8Array(36).fill(7) },
        w: { type: 'F32', shape: [3], bytes: new Uint8Array(12).fill(1) },
      },
    });

  it('refuses damage or reads it within bounds, never crashes', async () => {
    const bytes = good();
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length), fc.nat(bytes.length - 1), fc.nat(255), async (length, at, byte) => {
        const damaged = bytes.slice(0, length);
        if (at < length) damaged[at] = byte;
        try {
          const reader = await openGguf(bytesSource(damaged));
          for (const name of reader.tensors.keys()) {
            expect((await reader.read(name)).bytes.byteLength).toBeLessThanOrEqual(damaged.length);
          }
        } catch (error) {
          expect(error instanceof FormatsError).toBe(true);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('writes a file at once that holds the serialized bytes, and nothing beside it', async () => {
    const path = join(folder, 'model.gguf');
    const bytes = new Uint8Array(36).fill(7);
    const contents = {
      metadata: { 'general.architecture': { type: 'string', value: 'llama' } },
      tensors: { q: { type: 'Q4_0', shape: [2, 32], bytes } },
    } as const;
    const lazily = { ...contents, tensors: { q: { ...contents.tensors.q, bytes: async () => bytes } } };
    await writeGguf(path, lazily);
    expect(new Uint8Array(await readFile(path))).toEqual(serializeGguf(contents));
    await expect(
      writeGguf(path, { metadata: {}, tensors: { q: { ...contents.tensors.q, bytes: () => new Uint8Array(1) } } }),
    ).rejects.toMatchObject({ code: 'invalid_argument' });
    expect(new Uint8Array(await readFile(path))).toEqual(serializeGguf(contents));
    expect(await readdir(folder)).toEqual(['model.gguf']);
  });

  it('reads into own memory and in pieces of whole blocks', async () => {
    const reader = await openGguf(bytesSource(good()));
    const target = new Uint8Array(36);
    await reader.readInto('q', target);
    expect(target).toEqual((await reader.read('q')).bytes);
    const sizes: number[] = [];
    for await (const piece of reader.chunks('q', { chunkBytes: 20 })) sizes.push(piece.byteLength);
    expect(sizes).toEqual([18, 18]);
    await expect(reader.readInto('q', new Uint8Array(35))).rejects.toMatchObject({ code: 'invalid_argument' });
    await expect(reader.read('x')).rejects.toMatchObject({ code: 'missing_tensor' });
  });

  it('reads a header longer than the first piece', async () => {
    const tokens = Array.from({ length: 200_000 }, (_, i) => `token ${i}`);
    const metadata = { 'tokenizer.ggml.tokens': { type: 'array', itemType: 'string', value: tokens } } as const;
    const path = join(folder, 'long.gguf');
    await writeGguf(path, { metadata, tensors: {} });
    const reader = await openGguf(path);
    expect(ggufPlainMetadata(reader.metadata)).toEqual({ 'tokenizer.ggml.tokens': tokens });
    await reader.close();
  });

  it.each<[string, GgufValue]>([
    ['a number outside its type', { type: 'uint8', value: 256 }],
    ['a fraction', { type: 'int32', value: 0.5 }],
    ['a bigint outside its type', { type: 'uint64', value: -1n }],
    ['half a surrogate pair', { type: 'string', value: '\ud800' }],
  ])('refuses to write %s', (_, wrong) => {
    expect(() => serializeGguf({ metadata: { key: wrong }, tensors: {} })).toThrow(
      expect.objectContaining({ code: 'invalid_argument' }),
    );
  });

  it('refuses to write metadata that it could not read', async () => {
    const nested = (depth: number): GgufArray =>
      depth === 1
        ? { type: 'array', itemType: 'uint8', value: [1] }
        : { type: 'array', itemType: 'array', value: [nested(depth - 1)] };
    const write = (value: GgufValue) => serializeGguf({ metadata: { a: value }, tensors: {} });
    const reader = await openGguf(bytesSource(write(nested(4))));
    expect(reader.metadata.get('a')).toEqual(nested(4));
    expect(() => write(nested(5))).toThrow(/at most 4 nested arrays in "a"/);
    const unknown = { type: 'float16', value: 1 } as unknown as GgufValue;
    expect(() => write(unknown)).toThrow(expect.objectContaining({ code: 'invalid_argument' }));
  });

  it('refuses to write tensors that are not whole blocks', () => {
    const bytes = new Uint8Array(18);
    for (const shape of [[33], [], [1, 1, 1, 1, 32]]) {
      expect(() => serializeGguf({ metadata: {}, tensors: { q: { type: 'Q4_0', shape, bytes } } })).toThrow(
        expect.objectContaining({ code: 'invalid_argument' }),
      );
    }
  });
});

import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RawTensor, safetensorsDTypes, tensorByteLength } from './dtype.js';
import { parseSafetensors } from './read.js';
import { serializeSafetensors, writeSafetensors } from './write.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tessera-write-'));
});
afterAll(() => rm(folder, { recursive: true }));

const anyTensor: fc.Arbitrary<RawTensor> = fc
  .record({
    dtype: fc.constantFrom(...safetensorsDTypes),
    shape: fc.array(fc.nat(4), { maxLength: 3 }),
    seed: fc.nat(255),
  })
  .filter(({ dtype, shape }) => tensorByteLength(dtype, shape) !== undefined)
  .map(({ dtype, shape, seed }) => ({
    dtype,
    shape,
    bytes: Uint8Array.from({ length: tensorByteLength(dtype, shape) ?? 0 }, (_, i) => seed + i),
  }));

const name = fc
  .oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom('__proto__', 'constructor', 'a.b.weight'))
  .filter((text) => text !== '__metadata__');
const anyTensors = fc.uniqueArray(fc.tuple(name, anyTensor), { selector: ([key]) => key, maxLength: 6 });
const anyMetadata = fc.dictionary(fc.string(), fc.string());

describe('serializeSafetensors', () => {
  it('is undone by parseSafetensors', () => {
    fc.assert(
      fc.property(anyTensors, anyMetadata, (tensors, metadata) => {
        const parsed = parseSafetensors(serializeSafetensors(tensors, { metadata }));
        expect(parsed.tensors).toEqual(new Map(tensors));
        expect({ ...parsed.metadata }).toEqual({ ...metadata });
      }),
    );
  });

  it('does not depend on the order of the tensors, and aligns each to its element size', () => {
    fc.assert(
      fc.property(anyTensors, (tensors) => {
        const file = serializeSafetensors(tensors);
        expect(serializeSafetensors(tensors.toReversed())).toEqual(file);
        for (const { dtype, bytes } of parseSafetensors(file).tensors.values()) {
          const width = Number(/\d+/.exec(dtype)?.[0] ?? 8) / 8;
          if (bytes.byteLength > 0 && width >= 1) expect(bytes.byteOffset % width).toBe(0);
        }
      }),
    );
  });

  it('lays the bytes out as the format says', () => {
    const file = serializeSafetensors(
      { a: { dtype: 'U8', shape: [1], bytes: Uint8Array.of(5) } },
      { metadata: { format: 'pt' } },
    );
    const header = '{"__metadata__":{"format":"pt"},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}';
    const padded = header.padEnd(Math.ceil(header.length / 8) * 8);
    expect([...file.subarray(0, 8)]).toEqual([padded.length, 0, 0, 0, 0, 0, 0, 0]);
    expect(new TextDecoder().decode(file.subarray(8, -1))).toBe(padded);
    expect(file.at(-1)).toBe(5);
  });

  const bytes = new Uint8Array(4);
  it.each([
    ['a length that the shape does not give', { a: { dtype: 'F32', shape: [2], bytes } }, /expected 8 bytes.*got 4/],
    ['a negative dimension', { a: { dtype: 'F32', shape: [-1], bytes } }, /shape of whole bytes/],
    ['the reserved name', { __metadata__: { dtype: 'F32', shape: [1], bytes } }, /other than __metadata__/],
    ['a name that UTF-8 cannot hold', { '\ud800': { dtype: 'F32', shape: [1], bytes } }, /well-formed/],
  ] satisfies [string, Record<string, RawTensor>, RegExp][])('refuses %s', (_, tensors, message) => {
    expect(() => serializeSafetensors(tensors)).toThrow(message);
  });

  it('refuses what types rule out: another array, bytes still to be made, metadata that UTF-8 cannot hold', () => {
    const write = (bytes: unknown, metadata = {}) =>
      serializeSafetensors({ a: { dtype: 'F32', shape: [4], bytes: bytes as Uint8Array } }, { metadata });
    expect(() => write(new Float32Array(4))).toThrow(/Uint8Array for "a", got \[object Float32Array\]/);
    expect(() => write(undefined)).toThrow(expect.objectContaining({ code: 'invalid_argument' }));
    // It would be 16 zeros.
    expect(() => write(() => new Uint8Array(16).fill(1))).toThrow(/use writeSafetensors/);
    expect(() => write(new Uint8Array(16), { note: '\ud800' })).toThrow(/metadata "note".*surrogate/);
    expect(() => write(new Uint8Array(16), { '\udc00': '' })).toThrow(/surrogate/);
  });

  it('refuses the same name twice', () => {
    const tensor: RawTensor = { dtype: 'F32', shape: [1], bytes };
    expect(() =>
      serializeSafetensors([
        ['a', tensor],
        ['a', tensor],
      ]),
    ).toThrow(/unique/);
  });
});

describe('writeSafetensors', () => {
  it('takes bytes that are made when their turn comes, one after the other', async () => {
    const path = join(folder, 'lazy.safetensors');
    let alive = 0;
    const lazy = (value: number) => ({
      dtype: 'U8' as const,
      shape: [2],
      bytes: async () => {
        alive += 1;
        return Uint8Array.of(value, alive);
      },
    });
    await writeSafetensors(path, { a: lazy(10), b: lazy(20) });
    const { tensors } = parseSafetensors(await readFile(path));
    expect(tensors.get('a')?.bytes).toEqual(Buffer.of(10, 1));
    expect(tensors.get('b')?.bytes).toEqual(Buffer.of(20, 2));
  });

  it('leaves an earlier file alone when a tensor cannot be made', async () => {
    const path = join(folder, 'kept.safetensors');
    await writeFile(path, 'earlier');
    const short = { dtype: 'F32', shape: [2], bytes: () => new Uint8Array(4) } as const;
    await expect(writeSafetensors(path, { short })).rejects.toMatchObject({ code: 'invalid_argument' });
    expect(await readFile(path, 'utf8')).toBe('earlier');
    expect((await readdir(folder)).filter((file) => file.includes('kept'))).toEqual(['kept.safetensors']);
  });
});

import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bytesSource } from '../byte-source.js';
import { FormatsError } from '../errors.js';
import { openSafetensors, parseSafetensors } from './read.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tessera-read-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** A file from a header text and data, written by hand as the format's description has it. */
function file(header: string, data: readonly number[] = [], length?: bigint): Uint8Array {
  const json = new TextEncoder().encode(header);
  const out = new Uint8Array(8 + json.length + data.length);
  new DataView(out.buffer).setBigUint64(0, length ?? BigInt(json.length), true);
  out.set(json, 8);
  out.set(data, 8 + json.length);
  return out;
}

const good = file(
  '{"__metadata__":{"k":"v"},"b":{"dtype":"U8","shape":[2],"data_offsets":[4,6]},"a":{"dtype":"I16","shape":[1,2],"data_offsets":[0,4]}}',
  [1, 0, 2, 0, 7, 8],
);

describe('parseSafetensors', () => {
  it('gives metadata and views of the bytes in file order', () => {
    const { metadata, tensors } = parseSafetensors(good);
    expect({ ...metadata }).toEqual({ k: 'v' });
    expect([...tensors.keys()]).toEqual(['a', 'b']);
    expect(tensors.get('a')).toEqual({ dtype: 'I16', shape: [1, 2], bytes: Uint8Array.of(1, 0, 2, 0) });
    expect(tensors.get('b')?.bytes.buffer).toBe(good.buffer);
  });

  it.each([
    ['a cut file', good.subarray(0, good.length - 1), /data is cut/],
    ['bytes after the data', file('{}', [0]), /belong to no tensor/],
    ['a header longer than the file', file('{}', [], 3n), /header of 3 bytes/],
    ['a header length of 2^64 - 1', file('{}', [], 2n ** 64n - 1n), /at most 100000000/],
    ['another kind of file', new TextEncoder().encode('GGUF and more'), /is this a safetensors file/],
    [
      'an overlap',
      file(
        '{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}',
        [1, 2, 3],
      ),
      /"b".*overlap/,
    ],
    ['a hole', file('{"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}', [1, 2]), /a hole/],
    [
      'an odd number of 4-bit elements',
      file('{"a":{"dtype":"F4","shape":[3],"data_offsets":[0,2]}}', [1, 2]),
      /representable/,
    ],
  ])('refuses %s', (_, bytes, message) => {
    expect(() => parseSafetensors(bytes)).toThrow(message);
    expect(() => parseSafetensors(bytes)).toThrow(expect.objectContaining({ code: 'invalid_file' }));
  });

  it('answers any damage to a file with a typed error or a consistent result', () => {
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.nat(255), fc.nat(good.length), (at, byte, length) => {
        const damaged = good.slice(0, length);
        if (at < length) damaged[at] = byte;
        try {
          const { tensors } = parseSafetensors(damaged);
          for (const { bytes } of tensors.values()) expect(bytes.byteLength).toBeLessThanOrEqual(damaged.length);
        } catch (error) {
          expect(error instanceof FormatsError).toBe(true);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe('openSafetensors', () => {
  it('reads tensors one at a time, into own memory and in chunks', async () => {
    const path = join(folder, 'good.safetensors');
    await writeFile(path, good);
    const reader = await openSafetensors(path);
    expect((await reader.read('b')).bytes).toEqual(Uint8Array.of(7, 8));
    const target = new Uint8Array(4);
    await reader.readInto('a', target);
    expect(target).toEqual(Uint8Array.of(1, 0, 2, 0));
    await expect(reader.readInto('a', new Uint8Array(3))).rejects.toMatchObject({ code: 'invalid_argument' });
    await expect(reader.read('c')).rejects.toMatchObject({
      code: 'missing_tensor',
      message: expect.stringContaining('"a", "b"'),
    });
    await reader.close();
  });

  it('cuts chunks at whole elements', async () => {
    const data = Array.from({ length: 100 }, (_, i) => i);
    const reader = await openSafetensors(
      bytesSource(file('{"a":{"dtype":"U8","shape":[100],"data_offsets":[0,100]}}', data)),
    );
    const seen: number[][] = [];
    for await (const chunk of reader.chunks('a', { chunkBytes: 50 })) seen.push([...chunk]);
    expect(seen.map((chunk) => chunk.length)).toEqual([48, 48, 4]);
    expect(seen.flat()).toEqual(data);
    await expect(reader.chunks('a', { chunkBytes: 8 }).next()).rejects.toMatchObject({ code: 'invalid_argument' });
  });

  it('closes the source when the header is refused', async () => {
    let closed = 0;
    const source = { ...bytesSource(file('[]')), close: async () => void closed++ };
    await expect(openSafetensors(source)).rejects.toMatchObject({ code: 'invalid_file' });
    expect(closed).toBe(1);
  });

  it('reports a file that is cut after it was opened', async () => {
    const path = join(folder, 'cut.safetensors');
    await writeFile(path, good);
    const reader = await openSafetensors(path);
    await truncate(path, good.length - 1);
    await expect(reader.read('b')).rejects.toMatchObject({
      code: 'read_failed',
      message: expect.stringContaining('cut while open'),
    });
    await reader.close();
  });

  it('names a missing file and a folder', async () => {
    await expect(openSafetensors(join(folder, 'absent'))).rejects.toMatchObject({ code: 'missing_file' });
    await expect(openSafetensors(folder)).rejects.toMatchObject({ code: 'read_failed' });
  });
});

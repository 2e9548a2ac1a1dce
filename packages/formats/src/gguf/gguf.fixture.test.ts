import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect } from 'vitest';
import { z } from 'zod';
import { area, dump, fixtureCase, present } from '../fixture-case.js';
import {
  bytesSource,
  dequantizeGguf,
  type GgufPlainValue,
  type GgufReader,
  ggufPlainMetadata,
  ggufTypes,
  isGgufTensorType,
  openGguf,
  openSafetensors,
  parseSafetensors,
  type RawTensor,
  serializeGguf,
  serializeSafetensors,
  toFloat32,
  toTypedArray,
} from '../index.js';

const readJson = (file: string): unknown => JSON.parse(readFileSync(join(area, file), 'utf8'));
const tensorType = z.string().refine(isGgufTensorType);

const float32 = (shape: readonly number[], values: Float32Array): RawTensor => ({
  dtype: 'F32',
  shape,
  bytes: new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
});

/** |got - want| <= rtol |want| + atol for all elements; NaN equals NaN. */
function expectClose(got: Float32Array, want: Float32Array, { rtol, atol }: { rtol: number; atol: number }): void {
  expect(got.length).toBe(want.length);
  const wrong = got.findIndex((g, i) => {
    const w = want[i] ?? 0;
    return !(Object.is(g, w) || Math.abs(g - w) <= rtol * Math.abs(w) + atol);
  });
  if (wrong >= 0) expect({ element: wrong, value: got[wrong] }).toEqual({ element: wrong, value: want[wrong] });
}

const blocksSchema = z.object({
  types: z.array(z.object({ type: tensorType, id: z.int(), block_size: z.int(), type_size: z.int() })),
  tol: z.object({ dequantized: z.object({ rtol: z.number(), atol: z.number() }) }),
});

describe.skipIf(!present)(`fixtures: quant/gguf_blocks (${present ? area : 'skipped, no fixtures folder'})`, () => {
  if (!present) return;
  const { types, tol } = blocksSchema.parse(readJson('gguf_blocks.json'));
  const { tensors } = parseSafetensors(readFileSync(join(area, 'gguf_blocks.safetensors')));
  const computed = new Map<string, RawTensor>();
  afterAll(() => dump('gguf_blocks.safetensors', serializeSafetensors(computed)));

  for (const { type, id, block_size: blockSize, type_size: typeSize } of types) {
    fixtureCase(`unpacks ${type}`, () => {
      expect(ggufTypes[type]).toEqual({ id, blockSize, typeSize });
      let cases = 0;
      for (const [name, raw] of tensors) {
        if (name !== `${type}.raw` && name !== `${type}.random.raw`) continue;
        const key = name.replace(/raw$/, 'dequantized');
        const want = tensors.get(key);
        if (!want) throw new Error(`no ${key}`);
        const got = dequantizeGguf({ type, bytes: raw.bytes });
        computed.set(key, float32(want.shape, got));
        expectClose(got, toFloat32(want), tol.dequantized);
        cases++;
      }
      expect(cases).toBeGreaterThan(0);
    });
  }
});

const sinkSchema = z.object({
  metadata: z.record(z.string(), z.json()),
  types: z.record(z.string(), z.string()),
  alignment: z.int(),
  data_offset: z.int(),
  tensors: z.record(
    z.string(),
    z.object({ type: tensorType, shape_row_major: z.array(z.int()), offset: z.int(), bytes: z.int() }),
  ),
  integer_values: z.array(z.array(z.int())),
});

/** As the fixture writes it: integers beyond 2^53 as strings. */
const shown = (value: GgufPlainValue): unknown =>
  typeof value === 'bigint' ? String(value) : Array.isArray(value) ? value.map(shown) : value;

/** Reading, writing and reading again gives the same metadata and tensors; closes the reader. */
async function expectSameWhenWritten(reader: GgufReader): Promise<void> {
  const tensors = new Map<string, Awaited<ReturnType<GgufReader['read']>>>();
  for (const name of reader.tensors.keys()) tensors.set(name, await reader.read(name));
  const again = await openGguf(bytesSource(serializeGguf({ metadata: reader.metadata, tensors })));
  expect([...again.metadata]).toEqual([...reader.metadata]);
  expect([...again.tensors.keys()]).toEqual([...reader.tensors.keys()]);
  for (const [name, tensor] of tensors) expect(await again.read(name)).toEqual(tensor);
  await reader.close();
}

describe.skipIf(!present)('fixtures: quant/kitchen_sink.gguf', () => {
  if (!present) return;
  const sink = sinkSchema.parse(readJson('kitchen_sink.json'));
  const { tensors } = parseSafetensors(readFileSync(join(area, 'kitchen_sink.safetensors')));
  const { tol } = blocksSchema.parse(readJson('gguf_blocks.json'));
  const open = () => openGguf(join(area, 'kitchen_sink.gguf'));

  fixtureCase('reads every metadata type', async () => {
    const reader = await open();
    const metadata = Object.fromEntries(
      Object.entries(ggufPlainMetadata(reader.metadata)).map(([key, value]) => [key, shown(value)]),
    );
    const types = Object.fromEntries([...reader.metadata].map(([key, { type }]) => [key, type]));
    dump(
      'kitchen_sink.json',
      JSON.stringify({ metadata, types, alignment: reader.alignment, data_offset: reader.dataOffset }),
    );
    expect(metadata).toEqual(sink.metadata);
    expect(types).toMatchObject(sink.types);
    expect(reader).toMatchObject({ alignment: sink.alignment, dataOffset: sink.data_offset });
    await reader.close();
  });

  fixtureCase('reads every tensor', async () => {
    const reader = await open();
    expect([...reader.tensors.keys()].sort()).toEqual(Object.keys(sink.tensors).sort());
    const computed = new Map<string, RawTensor>();
    for (const [name, { type, shape_row_major: shape, offset, bytes }] of Object.entries(sink.tensors)) {
      expect(reader.tensors.get(name)).toEqual({
        type,
        shape,
        byteOffset: sink.data_offset + offset,
        byteLength: bytes,
      });
      const tensor = await reader.read(name);
      const want = tensors.get(name);
      if (want) {
        const got = dequantizeGguf(tensor);
        computed.set(name, float32(shape, got));
        expectClose(got, toFloat32(want), tol.dequantized);
      } else if (type === 'I8' || type === 'I16' || type === 'I32' || type === 'I64' || type === 'F64') {
        expect(Array.from(toTypedArray({ dtype: type, bytes: tensor.bytes }), Number)).toEqual(
          sink.integer_values.flat(),
        );
      } else {
        throw new Error(`nothing to compare ${name} (${type}) with`);
      }
    }
    dump('kitchen_sink.safetensors', serializeSafetensors(computed));
    await reader.close();
  });

  fixtureCase('writes it', async () => expectSameWhenWritten(await open()));
});

const modelSchema = z.object({
  models: z.record(
    z.string(),
    z.object({
      file: z.string(),
      tensors: z.record(z.string(), tensorType),
      data_offset: z.int(),
      alignment: z.int(),
    }),
  ),
  gguf_to_hf_names: z.record(z.string(), z.string()),
});

describe.skipIf(!present)('fixtures: quant/gguf_model', () => {
  if (!present) return;
  const folder = join(area, 'gguf_model');
  const { models, gguf_to_hf_names: names } = modelSchema.parse(readJson('gguf_model/expected.json'));
  const { tol } = blocksSchema.parse(readJson('gguf_blocks.json'));

  for (const [label, { file, tensors, data_offset: dataOffset, alignment }] of Object.entries(models)) {
    fixtureCase(`reads ${file}`, async () => {
      const reader = await openGguf(join(folder, file));
      expect(reader).toMatchObject({ dataOffset, alignment });
      expect(Object.fromEntries([...reader.tensors].map(([name, { type }]) => [name, type]))).toEqual(tensors);
      const hf = await openSafetensors(join(folder, `hf-${label.toLowerCase()}`, 'model.safetensors'));
      for (const [name, hfName] of Object.entries(names)) {
        // The rows of q and k lie in another order there.
        if (/attn_[qk]\.weight$/.test(name)) continue;
        const want = await hf.read(hfName);
        const got = await reader.read(name);
        expect(got.shape).toEqual(want.shape);
        expectClose(dequantizeGguf(got), toFloat32(want), tol.dequantized);
      }
      await expectSameWhenWritten(reader);
      await hf.close();
    });
  }
});

describe.skipIf(!present)('fixtures: quant/bad_gguf', () => {
  if (!present) return;
  const folder = join(area, 'bad_gguf');
  const list = z
    .object({
      must_refuse: z.array(z.object({ file: z.string(), reason: z.string() })),
      valid: z.array(z.string()),
    })
    .parse(readJson('bad_gguf/list.json'));

  for (const { file, reason } of list.must_refuse) {
    fixtureCase(`refuses ${file}: ${reason}`, async () => {
      await expect(openGguf(join(folder, file))).rejects.toMatchObject({ name: 'FormatsError', code: 'invalid_file' });
    });
  }

  for (const file of list.valid) {
    fixtureCase(`reads ${file}`, async () => expectSameWhenWritten(await openGguf(join(folder, file))));
  }

  fixtureCase('refuses every beginning of a valid file, quickly and without a crash', async () => {
    const files = [...list.valid.map((file) => join(folder, file)), join(area, 'kitchen_sink.gguf')];
    for (const file of files.filter((path) => existsSync(path) && statSync(path).size < 20_000)) {
      const bytes = readFileSync(file);
      const whole = await openGguf(bytesSource(bytes));
      const end = Math.max(...[...whole.tensors.values()].map((t) => t.byteOffset + t.byteLength), 0);
      for (let length = 0; length < end; length += 7) {
        await expect(openGguf(bytesSource(bytes.subarray(0, length)))).rejects.toMatchObject({ code: 'invalid_file' });
      }
    }
    expect(readdirSync(folder).length).toBeGreaterThan(0);
  });
});

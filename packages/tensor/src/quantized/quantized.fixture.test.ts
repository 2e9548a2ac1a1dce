import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { dumpTensors, fixtureCase, fixturesDir, flushDump, loadJson } from '@tessera-llm/testing';
import { afterAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { availableBackends, quantize, quantizedWeight, setBackend, tensor, type QuantizedFormat } from '../index';
import { blockLayouts } from './format';
import type { QuantizeFormat } from './quantize';

const folder = fixturesDir('quant');
const file = join(folder ?? '', 'gguf_blocks.safetensors');
const present = folder !== null && existsSync(file);

const typesSchema = z.object({
  types: z.array(
    z.object({ type: z.string(), block_size: z.number(), type_size: z.number(), quantize: z.boolean().optional() }),
  ),
});
const headerSchema = z.record(
  z.string(),
  z.object({ dtype: z.string(), shape: z.array(z.number()), data_offsets: z.tuple([z.number(), z.number()]) }),
);

/** A tensor's bytes and shape; the fixture mixes U8 with F32, which the shared reader widens. */
function reader(path: string): (name: string) => { shape: number[]; bytes: Uint8Array } | undefined {
  const all = new Uint8Array(readFileSync(path));
  const length = Number(new DataView(all.buffer, all.byteOffset).getBigUint64(0, true));
  const text = new TextDecoder().decode(all.subarray(8, 8 + length));
  const { __metadata__: _, ...tensors } = z.record(z.string(), z.unknown()).parse(JSON.parse(text));
  const header = headerSchema.parse(tensors);
  return (name) => {
    const found = header[name];
    if (found === undefined) return undefined;
    const [from, to] = found.data_offsets;
    return { shape: found.shape, bytes: all.slice(8 + length + from, 8 + length + to) };
  };
}

const isFormat = (type: string): type is Exclude<QuantizedFormat, 'int8'> => Object.hasOwn(blockLayouts, type);
const isQuantizeFormat = (type: string): type is QuantizeFormat => ['Q8_0', 'Q4_0', 'Q4_1'].includes(type);

describe.skipIf(!present)('fixtures/quant, GGUF blocks (skipped where the fixtures are absent)', () => {
  if (!present) return;
  afterAll(flushDump);
  const read = reader(file);
  const { types } = typesSchema.parse(loadJson(join(folder, 'gguf_blocks.json')));
  for (const backend of availableBackends()) {
    for (const { type, block_size: block, type_size: size } of types) {
      for (const kind of ['', '.random']) {
        const raw = read(`${type}${kind}.raw`);
        const want = read(`${type}${kind}.dequantized`);
        // The other block types are read and dequantised by the file formats' own package.
        if (raw === undefined || want === undefined || !isFormat(type)) continue;
        const name = `QuantizedWeight ${type}${kind} on ${backend}`;
        it(`dequantises ${type}${kind} on ${backend}`, () =>
          fixtureCase('quant', name, async () => {
            expect([block, size]).toEqual([blockLayouts[type].values, blockLayouts[type].bytes]);
            setBackend(backend);
            const shape = [raw.shape[0] ?? 0, (raw.shape[1] ?? 0) * (block / size)];
            using weight = quantizedWeight(raw.bytes, { format: type, shape });
            using dense = weight.dequantize();
            const data = await dense.data();
            dumpTensors(backend, 'quant/gguf_blocks.safetensors', {
              [`${type}${kind}.dequantized`]: { shape: want.shape, dtype: 'float32', data },
            });
            expect(dense.shape).toEqual(want.shape);
            expect(data).toEqual(new Float32Array(want.bytes.buffer));
            expect(await weight.bytes()).toEqual(raw.bytes);
          }));
      }
      const input = read(`${type}.input`);
      const raw = read(`${type}.raw`);
      if (input === undefined || raw === undefined || !isQuantizeFormat(type)) continue;
      it(`quantises ${type} on ${backend}`, () =>
        fixtureCase('quant', `quantize ${type} on ${backend}`, async () => {
          setBackend(backend);
          using x = tensor(new Float32Array(input.bytes.buffer), { shape: input.shape });
          using weight = await quantize(x, type);
          expect(await weight.bytes()).toEqual(raw.bytes);
        }));
    }
  }
});

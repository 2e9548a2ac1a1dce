import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { batchFromSequences } from '@tessera-llm/layers';
import { type Opened, open } from '@tessera-llm/models';
import { availableBackends, scope } from '@tessera-llm/tensor';
import {
  closeTo,
  dumpJson,
  dumpTensors,
  fixtureCase,
  fixturesDir,
  flushDump,
  loadJson,
  loadSafetensors,
} from '@tessera-llm/testing';
import { afterAll, describe, it } from 'vitest';
import { z } from 'zod';
import { onBackend } from './backends';
import { read } from './model-case';

const area = 'quant';
const folder = fixturesDir(join(area, 'gguf_model'));
const present = folder !== null && existsSync(join(folder, 'expected.json'));

const schema = z.object({
  models: z.record(z.string(), z.object({ file: z.string() })),
  tokenize: z.array(z.object({ text: z.string(), ids: z.array(z.int()) })),
});
/** The rule of expected.json: float32 arithmetic. */
const tolerance = { rtol: 1e-4, atol: 1e-4 };

afterAll(flushDump);

describe.skipIf(!present)('fixtures/quant/gguf_model (skipped where the fixtures are absent)', () => {
  if (!present) return;
  const { models, tokenize } = schema.parse(loadJson(join(folder, 'expected.json')));
  const tensors = loadSafetensors(join(folder, 'expected.safetensors'));
  const want = (key: string) => {
    const tensor = tensors[key];
    if (tensor === undefined) throw new Error(`expected.safetensors has no ${key}`);
    return tensor;
  };
  const { shape: inputShape, data: inputs } = want('input_ids');
  const width = inputShape[1] ?? 0;
  const batch = batchFromSequences(
    Array.from({ length: inputShape[0] ?? 0 }, (_, b) => inputs.subarray(b * width, (b + 1) * width)),
  );
  const logitsOf = ({ model }: Opened) => read(scope(() => model.logits(model.hidden(batch))));

  for (const backend of availableBackends()) {
    for (const [label, { file }] of Object.entries(models)) {
      const path = join(folder, file);
      it(`${backend}/${file}`, () =>
        fixtureCase(area, `${backend}/${file}`, () =>
          onBackend(backend, async () => {
            const opened = await open(path);
            const { shape, data } = want(`logits_${label}`);
            const got = await logitsOf(opened);
            dumpTensors(backend, 'quant/gguf_model/expected.safetensors', {
              [`logits_${label}`]: { shape, dtype: 'float32', data: got },
            });
            closeTo(file, got, data, tolerance);
            const packed = await open(path, { weights: 'packed' });
            closeTo(`${file} packed`, await logitsOf(packed), data, tolerance);
            const hf = await open(join(folder, `hf-${label.toLowerCase()}`));
            closeTo(`${file} and its folder`, await logitsOf(hf), got, { rtol: 0, atol: 0 });
            const computed = tokenize.map(({ text, ids }) => {
              const encoded = Array.from(opened.tokenizer?.encodeIds(text) ?? []);
              closeTo(`ids of ${JSON.stringify(text)}`, encoded, ids, { rtol: 0, atol: 0 });
              return { text, ids: encoded };
            });
            dumpJson(backend, 'quant/gguf_model/expected.json', { tokenize: computed });
            for (const { model } of [opened, packed, hf]) model.dispose();
          }),
        ));
    }
  }
});

import { join } from 'node:path';
import { LayersError, batchFromPadded } from '@tessera-llm/layers';
import { availableBackends } from '@tessera-llm/tensor';
import {
  Unsupported,
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
import { checkPeftCase } from './peft-case';

const area = 'finetune';
const found = fixturesDir(area);
const folder = found === null ? null : join(found, 'peft');
const tolerance = z.object({ rtol: z.number(), atol: z.number() });
const schema = z.object({
  cases: z.array(z.looseObject({ case: z.string(), tol: z.object({ logits: tolerance, grads: tolerance }) })),
});
const cases = folder === null ? [] : schema.parse(loadJson(join(folder, 'cases.json'))).cases;

afterAll(flushDump);

describe.skipIf(folder === null)('fixtures/finetune/peft', () => {
  for (const { case: name, tol } of cases) {
    for (const backend of availableBackends()) {
      const label = `${backend}/peft/${name}`;
      it(label, () =>
        fixtureCase(area, label, () =>
          onBackend(backend, async () => {
            try {
              await run(backend, name, tol);
            } catch (error) {
              // What is not applied is refused by name, never left out silently.
              if (error instanceof LayersError && error.code === 'adapter_config') throw new Unsupported(error.message);
              throw error;
            }
          }),
        ),
      );
    }
  }
});

async function run(
  ...[backend, name, tol]: [string, string, { logits: z.output<typeof tolerance>; grads: z.output<typeof tolerance> }]
): Promise<void> {
  const root = folder ?? '';
  const inputs = loadSafetensors(join(root, 'inputs.safetensors'));
  const matrix = (key: string): Int32Array[] => {
    const { shape, data } = inputs[key] ?? { shape: [], data: [] };
    const width = shape[1] ?? 0;
    return Array.from({ length: shape[0] ?? 0 }, (_, b) => Int32Array.from(data.slice(b * width, (b + 1) * width)));
  };
  const { batch, rows } = batchFromPadded(matrix('input_ids'), matrix('attention_mask'));
  const labels = matrix('labels').flatMap((row) => [...row]);
  await checkPeftCase({
    name,
    base: join(root, 'base'),
    folder: join(root, name),
    expected: join(root, name, 'expected.safetensors'),
    tolerance: tol,
    batch,
    rows,
    labels: Int32Array.from(rows, (row) => labels[row] ?? -100),
    dump: (tensors) => dumpTensors(backend, `finetune/peft/${name}/expected.safetensors`, tensors),
  });
}

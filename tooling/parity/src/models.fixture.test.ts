import { existsSync } from 'node:fs';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { architectures, isModelType, open } from '@tessera-llm/models';
import { availableBackends } from '@tessera-llm/tensor';
import { fixtureCase, fixturesDir, flushDump, loadJson, subfolders, unsupportedCase } from '@tessera-llm/testing';
import { afterAll, describe, it } from 'vitest';
import { onBackend } from './backends';
import { ModelCase } from './model-case';
import { checkAdamW, checkGradients, checkMaskedGradients } from './model-case-gradients';
import { checkBatchedGeneration, checkGeneration } from './model-case-generation';
import { checkForward, checkPadded } from './model-case-forward';

const area = 'models';
const folder = fixturesDir(area);
const names = subfolders(folder);

afterAll(flushDump);

describe.skipIf(folder === null)('fixtures/models', () => {
  for (const name of names) {
    const path = join(folder ?? '', name);
    const config = loadJson(join(path, 'config.json'));
    const type: unknown = Object(config).model_type;
    for (const backend of availableBackends()) {
      const label = `${backend}/${name}`;
      if (!isModelType(type)) {
        it(`${label} (unsupported)`, () => unsupportedCase(area, label, `model_type ${String(type)}`));
        continue;
      }
      it(label, () =>
        fixtureCase(area, label, () =>
          onBackend(backend, async () => {
            const opened = await open(path, { compat: 'hf' });
            const test = new ModelCase({
              backend,
              name,
              path,
              opened,
              blueprint: architectures[type].blueprint(config),
            });
            await checkForward(test);
            await checkPadded(test);
            await checkGradients(test);
            await checkMaskedGradients(test);
            await checkGeneration(test);
            await checkBatchedGeneration(test);
            await checkOtherLayouts(test);
            await checkAdamW(test); // changes the weights: last
            test.finish();
          }),
        ),
      );
    }
  }
});

/** config.v4.json or config.v5.json in the place of config.json gives the same bits. */
async function checkOtherLayouts(test: ModelCase): Promise<void> {
  for (const layout of ['config.v4.json', 'config.v5.json']) {
    if (!existsSync(join(test.path, layout))) continue;
    const copy = await mkdtemp(join(tmpdir(), 'tessera-layout-'));
    try {
      await cp(test.path, copy, { recursive: true });
      await rm(join(copy, 'config.json'), { force: true });
      await cp(join(test.path, layout), join(copy, 'config.json'));
      const { model } = await open(copy, { compat: 'hf' });
      await test.sameLogits(layout, model);
      model.dispose();
    } finally {
      await rm(copy, { recursive: true, force: true });
    }
  }
}

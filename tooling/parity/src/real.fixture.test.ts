import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type OpenOptions, type Opened, open } from '@tessera-llm/models';
import { availableBackends } from '@tessera-llm/tensor';
import { fixtureCase, fixturesDir, flushDump, unsupportedCase } from '@tessera-llm/testing';
import { afterAll, describe, expect, it } from 'vitest';
import { onBackend } from './backends';
import { RealModel } from './real-model';

const area = 'real';
const folder = fixturesDir(area);
const real = folder !== null && existsSync(join(folder, 'expected.json')) ? new RealModel(folder) : null;
const present = real !== null && existsSync(real.path);

afterAll(flushDump);

describe.skipIf(!present)('fixtures/real (skipped where the fixtures or the model are absent)', () => {
  if (!present) return;
  const { chats, passages } = real.expected;
  const names = [...Object.keys(chats), ...Object.keys(passages)];

  /** Runs with the model opened in one way, and frees it. */
  const opened = (options: OpenOptions, run: (model: Opened) => Promise<void>) =>
    onBackend('native', async () => {
      const model = await open(real.path, options);
      try {
        await run(model);
      } finally {
        model.model.dispose();
      }
    });

  if (!availableBackends().includes('native')) {
    it('needs the native backend', () => unsupportedCase(area, 'native', 'the native backend is not built'));
    return;
  }
  it('reference: unsupported, plain TypeScript takes hours for this model', () =>
    unsupportedCase(area, 'reference', 'plain TypeScript takes hours for this model'));

  for (const weights of ['float32', 'packed'] as const) {
    const label = `native/${weights}`;
    it(label, async () => {
      await opened({ weights }, async (model) => {
        await fixtureCase(area, `${label}: prompts`, () => real.checkPrompts(model));
        for (const name of names) {
          await fixtureCase(area, `${label}: ${name}`, () => real.checkText(model.model, name, 'native'));
        }
        await fixtureCase(area, `${label}: greedy answers`, () => real.checkAnswers(model, 'native'));
      });
    });
  }

  /** Mean difference in log-probability that other modes may have; they are compared, not equal. */
  const modes = { bfloat16: 0.05, int8: 0.15 } as const;
  const found: Record<string, { mean: number; largest: number; tokens: number }> = {};
  for (const [compute, bound] of Object.entries(modes)) {
    const label = `native/packed, ${compute} compute: log-probabilities of the chats`;
    it(label, () =>
      fixtureCase(area, label, () =>
        opened({ weights: 'packed', compute: compute as keyof typeof modes }, async ({ model }) => {
          const all: number[] = [];
          for (const name of Object.keys(chats)) {
            const { got, hidden } = await real.logProbs(model, name);
            hidden.dispose();
            all.push(...real.differences(name, got));
          }
          const mean = all.reduce((sum, d) => sum + d, 0) / all.length;
          const largest = Math.max(...all);
          found[compute] = { mean, largest, tokens: all.length };
          real.dumpDifferences('native', found);
          console.log(`real: ${compute} differs by ${mean.toFixed(4)} on average, ${largest.toFixed(3)} at most`);
          expect(mean).toBeLessThan(bound);
        }),
      ),
    );
  }
});

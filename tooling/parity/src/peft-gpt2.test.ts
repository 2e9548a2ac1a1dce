import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { batchFromSequences } from '@tessera-llm/layers';
import { availableBackends } from '@tessera-llm/tensor';
import { loadSafetensors } from '@tessera-llm/testing';
import { describe, it } from 'vitest';
import { onBackend } from './backends';
import { checkPeftCase } from './peft-case';

/** A tiny GPT-2 and an adapter with patterns and exclusions: written and run in float64 by PEFT 0.21 (golden/peft-gpt2). */
const root = fileURLToPath(new URL('../golden/peft-gpt2', import.meta.url));

describe.each(availableBackends())("PEFT's adapter of a GPT-2 on %s", (backend) => {
  it('gives its logits, gradients and merged logits', () =>
    onBackend(backend, async () => {
      const expected = join(root, 'expected.safetensors');
      const ids = loadSafetensors(expected).input_ids;
      if (ids === undefined) throw new Error('no input_ids');
      const batch = batchFromSequences([ids.data.slice(0, 7), ids.data.slice(7)]);
      const near = { rtol: 1e-4, atol: 1e-5 };
      await checkPeftCase({
        name: 'gpt2',
        base: join(root, 'base'),
        folder: join(root, 'adapter'),
        expected,
        tolerance: { logits: near, grads: near },
        batch,
        rows: Int32Array.from({ length: 14 }, (_, n) => n),
      });
    }));
});

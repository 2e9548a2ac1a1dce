import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readAdapter, writeAdapter } from '@tessera-llm/formats';
import { applyAdapter, batchFromSequences, createAdapter } from '@tessera-llm/layers';
import { memory } from '@tessera-llm/tensor';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createModel, loadAdapter, saveAdapter } from './index';

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'tessera-adapters-'));
});
afterAll(() => rm(root, { recursive: true }));

const tiny = { vocab_size: 32, max_position_embeddings: 32 };
const llama = {
  model_type: 'llama',
  ...tiny,
  hidden_size: 16,
  intermediate_size: 24,
  num_hidden_layers: 2,
  num_attention_heads: 2,
} as const;
const gpt2 = {
  model_type: 'gpt2',
  vocab_size: 32,
  n_positions: 32,
  n_embd: 16,
  n_layer: 1,
  n_head: 2,
  bos_token_id: 0,
  eos_token_id: 0,
} as const;

describe('adapters in folders', () => {
  it('come back bit for bit, with every linear layer of the architecture and no other', async () => {
    for (const [config, count] of [
      [llama, 14],
      [gpt2, 4],
    ] as const) {
      const folder = join(root, config.model_type);
      const model = createModel(config, { seed: 1 });
      const made = createAdapter(model, { target_modules: 'all-linear', r: 3 }, { seed: 2 });
      await saveAdapter(folder, made);
      const loaded = await loadAdapter(folder);
      expect(loaded.config).toEqual(made.config);
      expect(loaded.config.fan_in_fan_out).toBe(config.model_type === 'gpt2');
      expect(loaded.tensors.size).toBe(2 * count);
      for (const [key, t] of made.tensors) expect(loaded.tensors.get(key)?.dataSync(), key).toEqual(t.dataSync());
      const batch = batchFromSequences([[1, 2, 3]]);
      const before = model.hidden(batch).dataSync();
      applyAdapter(model, loaded);
      expect(model.hidden(batch).dataSync()).toEqual(before);
    }
  });

  it('that no model has are refused in a batch, also those that are gone', () => {
    for (const config of [llama, gpt2]) {
      const model = createModel(config, { seed: 1 });
      const others = Array.from({ length: 20 }, (_, seed) =>
        applyAdapter(model, createAdapter(model, { target_modules: 'all-linear', r: 1 }, { seed })),
      );
      const batch = batchFromSequences([[1, 2, 3]], { adapters: Int32Array.of(19) });
      expect(model.hidden(batch).shape).toEqual([3, 16]);
      for (const adapter of others) adapter.dispose();
      expect(() => model.hidden(batch)).toThrow(expect.objectContaining({ code: 'adapter' }));
      expect(() => model.hidden(batch)).toThrow('got 19, which no model has');
      expect(model.hidden({ ...batch, adapters: Int32Array.of(-1) }).shape).toEqual([3, 16]);
    }
  });

  it('are read from bfloat16', async () => {
    const folder = join(root, 'narrow');
    const made = createAdapter(createModel(llama, { seed: 1 }), { target_modules: ['q_proj'] }, { seed: 2 });
    await saveAdapter(folder, made, { dtype: 'bfloat16' });
    expect([...(await readAdapter(folder)).tensors.values()].every(({ dtype }) => dtype === 'BF16')).toBe(true);
    for (const [key, t] of (await loadAdapter(folder)).tensors) {
      const want = made.tensors.get(key)?.dataSync() ?? [];
      expect(t.dtype).toBe('float32');
      t.dataSync().forEach((v, i) => expect(Math.abs(v - Number(want[i]))).toBeLessThanOrEqual(Math.abs(v) / 256));
    }
  });

  it('are refused with typed errors, and nothing is kept', async () => {
    const folder = join(root, 'bad');
    const made = createAdapter(createModel(llama, { seed: 1 }), { target_modules: ['q_proj'] }, { seed: 2 });
    await saveAdapter(folder, made);
    const file = join(folder, 'adapter_config.json');
    const text = await readFile(file, 'utf8');
    await writeFile(file, text.replace('"use_rslora": false', '"use_qalora": true'));
    await expect(loadAdapter(folder)).rejects.toMatchObject({ name: 'LayersError', code: 'adapter_config' });
    const { tensors } = memory();
    const whole = { dtype: 'F32', shape: [1], bytes: new Uint8Array(4) } as const;
    const odd = { dtype: 'I32', shape: [1], bytes: new Uint8Array(4) } as const;
    await writeAdapter(folder, {
      config: { peft_type: 'LORA', target_modules: ['q_proj'] },
      tensors: { z: odd, a: whole },
    });
    await expect(loadAdapter(folder)).rejects.toMatchObject({ name: 'ModelsError', code: 'unsupported_dtype' });
    expect(memory().tensors).toBe(tensors);
  });
});

import { existsSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readFile, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Tokenizer, trainBpe } from '@tessera-llm/tokenizers';
import { type GgufValue, readJsonFile } from '@tessera-llm/formats';
import { createModel, open, save } from '@tessera-llm/models';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { main } from './main';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tessera-cli-'));
  const line = (i: number) => `The ${i % 7}th person walks to the ${i % 3 === 0 ? 'house' : 'river'} and comes back.\n`;
  for (const name of ['a', 'b', 'c']) {
    await writeFile(join(folder, `${name}.txt`), Array.from({ length: 40 }, (_, i) => line(i + name.length)).join(''));
  }
  await writeFile(join(folder, 'empty.txt'), '');
  await writeFile(join(folder, 'latin1.txt'), Uint8Array.of(0x66, 0xfc, 0x72));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Runs the command; what it wrote comes with the exit code. */
async function tessera(...args: (string | { signal: AbortSignal })[]) {
  const written = { stdout: '', stderr: '' };
  const stream = (name: 'stderr' | 'stdout') => ({
    write: (text: string) => {
      written[name] += text;
    },
  });
  const signal = args.flatMap((a) => (typeof a === 'string' ? [] : [a.signal]))[0];
  const words = args.filter((a) => typeof a === 'string');
  const code = await main(words, {
    stdout: stream('stdout'),
    stderr: stream('stderr'),
    ...(signal && { signal }),
  });
  return { code, ...written };
}

const at = (name: string): string => join(folder, name);

/** A configuration file with some fields changed. */
async function config(name: string, changes: Record<string, unknown> = {}): Promise<string> {
  const base = {
    model: {
      model_type: 'llama',
      hidden_size: 16,
      intermediate_size: 32,
      num_hidden_layers: 1,
      num_attention_heads: 2,
      tie_word_embeddings: true,
    },
    tokenizer: 'tokenizer.json',
    data: { train: ['a.txt', 'b.txt'], validation: ['c.txt'] },
    steps: 8,
    batchSize: 2,
    seqLen: 16,
    optimizer: { lr: 0.01 },
    schedule: { type: 'linear', warmupSteps: 2 },
    evalEvery: 4,
    checkpointEvery: 4,
  };
  await writeFile(at(name), JSON.stringify({ ...base, ...changes }));
  return at(name);
}

const errorDocument = z.object({ error: z.object({ code: z.string(), message: z.string() }) });

describe('the command line', () => {
  it('helps', async () => {
    const top = await tessera('--help');
    expect(top).toMatchObject({ code: 0, stderr: '' });
    for (const word of ['tokenizer', 'train', 'generate', 'info', 'Exit codes']) expect(top.stdout).toContain(word);
    for (const command of [['tokenizer', 'train'], ['train'], ['generate'], ['info']]) {
      const { code, stdout } = await tessera(...command, '--help');
      expect(code).toBe(0);
      expect(stdout).toContain('--json');
    }
  });

  it.each([
    [['nothing']],
    [['info']],
    [['info', 'x', '--unknown']],
    [['tokenizer', 'train', 'a.txt', '--out', 'x', '--vocab-size', 'many']],
    [['tokenizer', 'train', 'a.txt', '--out', 'x', '--vocab-size', '9', '--model', 'gru']],
    [['tokenizer', 'train', 'a.txt', '--out', 'x', '--vocab-size', '9', '--model', 'unigram', '--min-frequency', '2']],
    [['generate', 'x', '--temperature', '-1', '--prompt', 'y']],
    [['generate', 'x', '--top-p', '0', '--prompt', 'y']],
    [['generate', 'x', '--backend', 'abacus', '--prompt', 'y']],
    [['generate', 'x', '--compute', 'float8', '--prompt', 'y']],
    [['generate', 'x']],
    [['generate', 'x', '--prompt', 'y', '--compute', 'int8', '--weights', 'bfloat16']],
  ])('%j is wrong usage: exit code 2, nothing on standard output', async (args) => {
    const { code, stdout, stderr } = await tessera(...args);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).not.toBe('');
    expect(stderr).not.toMatch(/\n\s+at /);
  });

  it('tells its version', async () => {
    const { version } = z.object({ version: z.string() }).parse(await readJsonFile('package.json'));
    expect(await tessera('--version')).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
  });

  it('gives errors as JSON when asked', async () => {
    const { code, stdout, stderr } = await tessera('info', at('none'), '--json');
    expect(code).toBe(1);
    expect(errorDocument.parse(JSON.parse(stdout)).error.code).toBe('missing_file');
    expect(stderr).toMatch(/^tessera: .*none/);
  });
});

describe('tokenizer train', () => {
  it('writes a tokenizer.json', async () => {
    const out = at('tokenizer.json');
    const { code, stdout } = await tessera(
      'tokenizer',
      'train',
      at('a.txt'),
      at('b.txt'),
      '--vocab-size',
      '300',
      '--out',
      out,
      '--json',
    );
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      file: out,
      model: 'byte-bpe',
      vocabSize: 300,
      files: [at('a.txt'), at('b.txt')],
    });
    expect(JSON.parse(await readFile(out, 'utf8'))).toMatchObject({ model: { type: 'BPE' } });
  });

  it.each([
    ['missing.txt', /missing\.txt/],
    ['empty.txt', /empty file/],
    ['latin1.txt', /UTF-8/],
  ])('refuses %s and writes nothing', async (file, message) => {
    const out = at('refused.json');
    const { code, stderr } = await tessera('tokenizer', 'train', at(file), '--vocab-size', '300', '--out', out);
    expect(code).toBe(1);
    expect(stderr).toMatch(message);
    expect(await readdir(folder)).not.toContain('refused.json');
  });
});

describe('tokenizer train --model', () => {
  const train = (out: string, ...more: (string | { signal: AbortSignal })[]) =>
    tessera('tokenizer', 'train', at('a.txt'), at('b.txt'), '--out', at(out), ...more);
  const load = async (out: string) => Tokenizer.fromJSON(JSON.parse(await readFile(at(out), 'utf8')));

  it.each([
    ['bpe', 60, ['<s>'], []],
    ['wordpiece', 60, ['[CLS]'], ['[SEP]']],
    ['unigram', 40, ['<s>'], ['</s>']],
    ['wordlevel', 30, [], []],
  ])('%s: encodes and decodes, with its special tokens around', async (model, size, before, after) => {
    const { code } = await train(`${model}.json`, '--vocab-size', String(size), '--model', model);
    expect(code).toBe(0);
    const tokenizer = await load(`${model}.json`);
    const { tokens, ids } = tokenizer.encode('the river');
    expect(tokens.slice(0, before.length)).toEqual(before);
    expect(tokens.slice(tokens.length - after.length)).toEqual(after);
    expect(tokenizer.decode(ids)).toBe('the river');
  });

  it('takes special tokens, an unknown one before them, and a least frequency', async () => {
    const options = ['--vocab-size', '200', '--model', 'wordlevel', '--special-tokens', '<x>', '<y>'];
    await train('all.json', ...options);
    await train('frequent.json', ...options, '--min-frequency', '12');
    const [all, frequent] = [await load('all.json'), await load('frequent.json')];
    expect([0, 1, 2].map((id) => all.idToToken(id))).toEqual(['<unk>', '<x>', '<y>']);
    // Each of the 80 lines has `th` of `3th`, seven of them each number.
    expect(all.tokenToId('5th')).toBeDefined();
    expect(frequent.tokenToId('person')).toBeDefined();
    expect(frequent.vocabSize).toBeLessThan(all.vocabSize);
  });

  it('gives the same file whatever the number of threads', async () => {
    await train('one.json', '--vocab-size', '300', '--threads', '1');
    await train('two.json', '--vocab-size', '300', '--threads', '2');
    expect(await readFile(at('two.json'), 'utf8')).toBe(await readFile(at('one.json'), 'utf8'));
  });

  it('leaves nothing behind when it is interrupted', async () => {
    const { code, stdout } = await train('stopped.json', '--vocab-size', '300', {
      signal: AbortSignal.abort(new Error('interrupted')),
    });
    expect([code, stdout]).toEqual([130, '']);
    expect((await readdir(folder)).filter((name) => name.startsWith('stopped'))).toEqual([]);
  });
});

describe('train, info and generate', () => {
  const withoutClocks = async (run: string) =>
    (await readFile(join(run, 'log.jsonl'), 'utf8'))
      .trim()
      .split('\n')
      .map((line) => ({ ...z.record(z.string(), z.json()).parse(JSON.parse(line)), clock: null }));

  it('train, and a run that is ended early and resumed equals an uninterrupted one', async () => {
    const file = await config('run.json');
    const whole = await tessera('train', file, '--out', at('whole'), '--json');
    expect(whole.code).toBe(0);
    const document = JSON.parse(whole.stdout);
    expect(document).toMatchObject({ folder: join(at('whole'), 'model'), step: 8, steps: 8 });
    expect(document.validation.bitsPerByte).toBeGreaterThan(0);
    expect(whole.stderr).toContain('step 8/8');

    const first = await tessera('train', file, '--out', at('parts'), '--steps', '5', '--json');
    expect(JSON.parse(first.stdout)).toMatchObject({ step: 5, steps: 8 });
    expect((await tessera('train', file, '--out', at('parts'))).code).toBe(2);
    const second = await tessera('train', file, '--out', at('parts'), '--resume');
    expect(second.code).toBe(0);
    expect(await withoutClocks(at('parts'))).toEqual(await withoutClocks(at('whole')));
    for (const name of ['model/model.safetensors', 'checkpoints/step-00000008/optimizer/model.safetensors']) {
      expect((await readFile(join(at('parts'), name))).equals(await readFile(join(at('whole'), name)))).toBe(true);
    }
  });

  it('info reads headers only, of models and of checkpoints', async () => {
    const { code, stdout } = await tessera('info', join(at('whole'), 'model'), '--json');
    expect(code).toBe(0);
    const info = JSON.parse(stdout);
    expect(info).toMatchObject({
      architecture: 'llama',
      supported: true,
      dtypes: ['F32'],
      tokenizer: { vocabSize: 300 },
    });
    // Embedding, attention, feed-forward and three norms.
    expect(info.parameters).toBe(300 * 16 + 4 * 16 * 16 + 3 * 16 * 32 + 3 * 16);
    const checkpoint = await tessera('info', join(at('whole'), 'checkpoints', 'step-00000004'));
    expect(checkpoint.stdout).toMatch(/step 4/);
  });

  it('info and generate name the model where they are given the folder of a run', async () => {
    for (const args of [
      ['info', at('whole')],
      ['generate', at('whole'), '--prompt', 'x'],
    ]) {
      const { code, stderr } = await tessera(...args);
      expect(code).toBe(2);
      expect(stderr).toContain(`the folder of a run, ${at('whole')}; its model is ${join(at('whole'), 'model')}`);
    }
  });

  it('generate can be interrupted while it reads weights', async () => {
    const bare = at('bare');
    await mkdir(bare);
    for (const name of ['config.json', 'model.safetensors']) {
      await copyFile(join(at('whole'), 'model', name), join(bare, name));
    }
    // That there is no tokenizer would be told once the weights are read.
    const interrupted = { signal: AbortSignal.abort(new Error('interrupted')) };
    expect(await tessera('generate', bare, '--prompt', 'x', interrupted)).toMatchObject({ code: 130 });
    expect(await tessera('generate', bare, '--prompt', 'x')).toMatchObject({ code: 2 });
  });

  it('generate gives what --json says, the same for a seed', async () => {
    const model = join(at('whole'), 'model');
    const run = () =>
      tessera('generate', model, '--prompt', 'The river', '--max-tokens', '6', '--seed', '3', '--logprobs', '--json');
    const one = await run();
    expect(one.code).toBe(0);
    const document = JSON.parse(one.stdout);
    expect(Object.keys(document).sort()).toEqual(['ids', 'logprobs', 'promptIds', 'stopReason', 'text']);
    expect(document.ids).toHaveLength(6);
    expect(document.logprobs.every((p: number) => p <= 0)).toBe(true);
    expect((await run()).stdout).toBe(one.stdout);
    const text = await tessera('generate', model, '--prompt', 'The river', '--max-tokens', '6', '--seed', '3');
    expect(text.stdout).toBe(`${document.text}\n`);
  });

  it('generate goes on with a prompt: what the tokenizer puts behind a text is left out', async () => {
    const file = at('word-piece.json');
    const args = ['--vocab-size', '90', '--model', 'wordpiece', '--out', file];
    expect((await tessera('tokenizer', 'train', at('a.txt'), ...args)).code).toBe(0);
    const tokenizer = Tokenizer.fromJSON(await readJsonFile(file));
    const [begin, , end] = tokenizer.encode('e').ids;
    const shape = { hidden_size: 16, intermediate_size: 32, num_hidden_layers: 1, num_attention_heads: 2 };
    const model = createModel({ model_type: 'llama', vocab_size: 90, ...shape }, { seed: 1 });
    await save(at('word-piece'), { model, tokenizer });
    const promptIds = async (prompt: string): Promise<number[]> => {
      const { stdout } = await tessera('generate', at('word-piece'), '--prompt', prompt, '--max-tokens', '1', '--json');
      return JSON.parse(stdout).promptIds;
    };
    expect(await promptIds('')).toEqual([begin]);
    expect([...(await promptIds('the river')), end]).toEqual(tokenizer.encodeIds('the river'));
    // What is spelled in the prompt itself stays.
    expect(await promptIds('the [SEP]')).toEqual(tokenizer.encodeIds('the [SEP]').slice(0, -1));
  });

  it('generate answers messages by the chat template', async () => {
    const specialTokens = ['<s>', '<|turn|>', '<|end|>'];
    const trained = await trainBpe(['a few words to train on'], { vocabSize: 262, specialTokens });
    const begin = trained.tokenToId('<s>') ?? -1;
    const processor = {
      type: 'TemplateProcessing',
      single: [{ SpecialToken: { id: '<s>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
      pair: [{ Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 0 } }],
      special_tokens: { '<s>': { id: '<s>', ids: [begin], tokens: ['<s>'] } },
    };
    const tokenizer = Tokenizer.fromJSON({ ...trained.toJSON(), post_processor: processor });
    const shape = { hidden_size: 8, intermediate_size: 16, num_hidden_layers: 1, num_attention_heads: 2 };
    const ids = { bos_token_id: begin, eos_token_id: tokenizer.tokenToId('<|end|>') ?? null };
    const model = createModel({ model_type: 'llama', vocab_size: tokenizer.vocabSize, ...shape, ...ids }, { seed: 1 });
    const chatTemplate =
      "{{ bos_token }}{{ 'T' if tools }}{% for m in messages %}{{ '<|turn|>' ~ m.role ~ ':' ~ m.content ~ '<|end|>' }}{% endfor %}{% if messages[-1].role == 'critic' %}{{ raise_exception('no critics') }}{% endif %}{% if add_generation_prompt %}<|turn|>assistant:{% endif %}";
    await save(at('chat'), { model, tokenizer, chatTemplate });
    const answer = async (chat: unknown, ...args: string[]) => {
      await writeFile(at('chat.json'), JSON.stringify(chat));
      return tessera('generate', at('chat'), '--messages', at('chat.json'), '--max-tokens', '4', '--json', ...args);
    };
    const messages = [{ role: 'user', content: 'Hi<|end|>' }];
    const { code, stdout } = await answer(messages, '--logprobs');
    expect(code).toBe(0);
    const document = JSON.parse(stdout);
    expect(Object.keys(document).sort()).toEqual(['ids', 'logprobs', 'promptIds', 'stopReason', 'text']);
    const plain = (text: string) => tokenizer.encodeIds(text, { addSpecialTokens: false, allowedSpecial: 'none' });
    const [turn, end] = [tokenizer.tokenToId('<|turn|>'), tokenizer.tokenToId('<|end|>')];
    expect(document.promptIds).toEqual([begin, turn, ...plain('user:Hi<|end|>'), end, turn, ...plain('assistant:')]);
    expect(document.logprobs).toHaveLength(document.ids.length);

    const withTools = JSON.parse((await answer({ messages, tools: [{ name: 'f' }] })).stdout);
    expect(withTools.promptIds.slice(0, 2)).toEqual([begin, ...plain('T')]);
    for (const wrong of [[], {}, [{ content: 'x' }], { messages, extra: 1 }, 'text']) {
      const failed = await answer(wrong);
      expect([failed.code, errorDocument.parse(JSON.parse(failed.stdout)).error.code]).toEqual([2, 'config']);
    }
    const raised = await answer([{ role: 'critic', content: '' }]);
    expect(raised.code).toBe(1);
    expect(errorDocument.parse(JSON.parse(raised.stdout)).error).toMatchObject({
      code: 'template',
      message: expect.stringContaining('no critics'),
    });
    for (const file of [at('missing.json'), at('a.txt')]) {
      expect((await tessera('generate', at('chat'), '--messages', file)).code).toBe(2);
    }
    const none = await tessera('generate', join(at('whole'), 'model'), '--messages', at('chat.json'));
    expect([none.code, none.stderr]).toEqual([2, expect.stringContaining('without a chat template')]);
    expect((await tessera('generate', at('chat'), '--messages', at('chat.json'), '--prompt', 'x')).code).toBe(2);
  });

  it('info and generate take a GGUF file', async () => {
    const opened = await open(join(at('whole'), 'model'));
    const file = at('model.gguf');
    const strings = (value: string[]) => ({ type: 'array', itemType: 'string', value }) as const;
    const metadata = new Map<string, GgufValue>([
      ['general.name', { type: 'string', value: 'walks' }],
      ['tokenizer.ggml.model', { type: 'string', value: 'gpt2' }],
      ['tokenizer.ggml.pre', { type: 'string', value: 'gpt-2' }],
      ['tokenizer.ggml.tokens', strings(Array.from({ length: 300 }, (_, i) => String.fromCodePoint(0x100 + i)))],
      ['tokenizer.ggml.merges', strings([])],
    ]);
    await save(file, { model: opened.model, metadata });
    const info = await tessera('info', file, '--json');
    expect(JSON.parse(info.stdout)).toMatchObject({
      format: 'gguf',
      architecture: 'llama',
      supported: true,
      parameters: opened.model.parameterCount(),
      tokenizer: { model: 'gpt2', vocabSize: 300 },
      metadata: { 'llama.block_count': 1, 'tokenizer.ggml.tokens': { length: 300 } },
    });
    expect((await tessera('info', file)).stdout).toMatch(/name +walks\narchitecture +llama\n/);
    const generated = await tessera('generate', file, '--prompt', '\u0001', '--max-tokens', '3', '--json');
    expect(generated.stderr).toBe('');
    expect(JSON.parse(generated.stdout).ids).toHaveLength(3);
    const cut = at('cut.gguf');
    await writeFile(cut, (await readFile(file)).subarray(0, 2000));
    expect(await tessera('info', cut)).toMatchObject({ code: 1, stdout: '' });
  });

  it('a run that is interrupted exits with 130 and can be resumed', async () => {
    const stop = new AbortController();
    const long = await config('long.json', { steps: 100_000 });
    setTimeout(() => stop.abort(new Error('interrupted')), 500);
    const { code, stderr } = await tessera('train', long, '--out', at('long'), { signal: stop.signal });
    expect(code).toBe(130);
    expect(stderr).toMatch(/--resume/);
  });
});

describe('bad input of train', () => {
  it.each<[string, Record<string, unknown>, RegExp]>([
    ['a field that is not known', { learningRate: 1 }, /learningRate/],
    ['a learning rate below zero', { optimizer: { lr: -1 } }, /lr/],
    ['an architecture that is not known', { model: { model_type: 'lstm' } }, /lstm/],
    [
      'heads that do not divide',
      { model: { model_type: 'llama', hidden_size: 16, num_attention_heads: 3 } },
      /head_dim/,
    ],
    ['a vocabulary smaller than the tokenizer', { model: { model_type: 'llama', vocab_size: 10 } }, /vocab_size/],
    [
      'more positions than the model has',
      { model: { model_type: 'gpt2', n_positions: 8, n_embd: 8, n_head: 2 } },
      /seqLen/,
    ],
  ])('%s is wrong usage', async (_, changes, message) => {
    const { code, stderr } = await tessera('train', await config('bad.json', changes), '--out', at('bad'));
    expect(stderr).toMatch(message);
    expect(code).toBe(2);
    // Nothing was begun: no text was turned into tokens for a model that can't be.
    expect(existsSync(at('bad'))).toBe(false);
  });

  it('settings other than those that the run began with', async () => {
    const other = await config('other.json', { optimizer: { lr: 0.02 } });
    const { code, stderr } = await tessera('train', other, '--out', at('whole'), '--resume');
    expect(code).toBe(1);
    expect(stderr).toMatch(/optimizer\.lr was 0\.01 and is 0\.02/);
  });

  it('a folder that cannot be written', async () => {
    await writeFile(at('file'), '');
    const { code, stderr } = await tessera('train', at('run.json'), '--out', join(at('file'), 'x'));
    expect(code).toBe(1);
    expect(stderr).not.toMatch(/\n\s+at /);
  });

  it('a model folder that is cut', async () => {
    await mkdir(at('cut'), { recursive: true });
    for (const name of await readdir(join(at('whole'), 'model'))) {
      await writeFile(join(at('cut'), name), await readFile(join(at('whole'), 'model', name)));
    }
    await truncate(join(at('cut'), 'model.safetensors'), 1000);
    for (const args of [
      ['info', at('cut')],
      ['generate', at('cut'), '--prompt', 'x'],
    ]) {
      const { code, stderr } = await tessera(...args);
      expect(code).toBe(1);
      expect(stderr).toMatch(/^tessera: /);
    }
  });
});

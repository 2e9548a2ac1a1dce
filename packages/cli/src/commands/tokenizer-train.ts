import { readFile } from 'node:fs/promises';
import { writeJsonFile } from '@tessera-llm/formats';
import { Tokenizer, template, trainBpe } from '@tessera-llm/tokenizers';
import { z } from 'zod';
import type { CommandContext } from '../main';

/** Options of `tessera tokenizer train`. */
export interface TokenizerTrainOptions {
  readonly vocabSize: number;
  readonly out: string;
  readonly special: readonly string[];
  readonly minFrequency: number;
}

async function* texts(files: readonly string[]): AsyncGenerator<string> {
  for (const file of files) yield await readFile(file, 'utf8');
}

/** `tessera tokenizer train`: byte-level BPE on text files. */
export async function trainTokenizer(
  files: readonly string[],
  options: TokenizerTrainOptions,
  context: CommandContext,
): Promise<void> {
  const { vocabSize, out, special, minFrequency } = options;
  let shown = 0;
  const trained = await trainBpe(texts(files), {
    vocabSize,
    minFrequency,
    specialTokens: special,
    onProgress: ({ stage, done, total }) => {
      context.signal.throwIfAborted();
      if (performance.now() - shown < 1000) return;
      shown = performance.now();
      context.output.note(`${stage} ${done}${total === null ? '' : ` of ${total}`}`);
    },
  });
  const [first] = special;
  const before = first === undefined ? [] : [{ token: first, id: trained.tokenToId(first) as number }];
  const tokenizer = new Tokenizer({ ...trained.parts, postProcessor: before.length > 0 ? template({ before }) : null });
  await writeJsonFile(out, z.record(z.string(), z.json()).parse(tokenizer.toJSON()));
  context.output.result(
    { file: out, vocabSize: tokenizer.vocabSize, files: [...files] },
    `${tokenizer.vocabSize} entries in ${out}\n`,
  );
}

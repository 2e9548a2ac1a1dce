import { readTextFiles } from '@tessera-llm/data';
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

/** `tessera tokenizer train`: byte-level BPE on text files. */
export async function trainTokenizer(
  files: readonly string[],
  options: TokenizerTrainOptions,
  context: CommandContext,
): Promise<void> {
  const { vocabSize, out, special, minFrequency } = options;
  const { output, signal } = context;
  let shown = performance.now();
  const trained = await trainBpe(readTextFiles(files), {
    vocabSize,
    minFrequency,
    specialTokens: special,
    onProgress: ({ stage, done, total }) => {
      signal.throwIfAborted();
      if (performance.now() - shown < 1000) return;
      shown = performance.now();
      output.note(`${stage} ${done}${total === null ? '' : ` of ${total}`}`);
    },
  });
  const before = special.slice(0, 1).flatMap((token) => {
    const id = trained.tokenToId(token);
    return id === undefined ? [] : [{ token, id }];
  });
  const tokenizer = new Tokenizer({ ...trained.parts, postProcessor: before.length > 0 ? template({ before }) : null });
  await writeJsonFile(out, z.record(z.string(), z.json()).parse(tokenizer.toJSON()));
  if (tokenizer.vocabSize < vocabSize) {
    output.note(`the texts have only ${tokenizer.vocabSize} entries to give, not ${vocabSize}`);
  }
  output.result(
    { file: out, vocabSize: tokenizer.vocabSize, files: [...files] },
    `${tokenizer.vocabSize} entries in ${out}\n`,
  );
}

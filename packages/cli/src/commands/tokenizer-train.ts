import { availableParallelism } from 'node:os';
import { writeJsonFile } from '@tessera-llm/formats';
import { Tokenizer } from '@tessera-llm/tokenizers';
import { countInThreads } from '@tessera-llm/tokenizers/count-threads';
import { z } from 'zod';
import { CliError } from '../errors';
import type { CommandContext } from '../main';
import { TextSource, type TextUnit } from './text-source';
import type { TokenizerModel } from './tokenizer-models';
import { recipes } from './tokenizer-recipes';

/** Options of `tessera tokenizer train`. */
export interface TokenizerTrainOptions {
  readonly model: TokenizerModel;
  readonly vocabSize: number;
  readonly out: string;
  readonly specialTokens?: readonly string[];
  readonly minFrequency?: number;
  readonly unit?: TextUnit;
  readonly threads?: number;
}

/** Smaller inputs are counted sooner than threads have started. */
const worthThreads = 32 * 2 ** 20;
const megabytes = (bytes: number) => (bytes / 2 ** 20).toFixed(1);

/** `tessera tokenizer train`: a tokenizer.json from text files, which are read piece by piece. */
export async function trainTokenizer(
  files: readonly string[],
  options: TokenizerTrainOptions,
  { output, signal }: CommandContext,
): Promise<void> {
  const { model, vocabSize, out, minFrequency } = options;
  const recipe = recipes[model];
  if (model === 'unigram' && minFrequency !== undefined)
    throw new CliError('usage', '--min-frequency: expected no such option with --model unigram');
  const { unkToken } = recipe;
  const wanted = options.specialTokens ?? recipe.specialTokens;
  const specialTokens = unkToken === null || wanted.includes(unkToken) ? wanted : [unkToken, ...wanted];
  const source = new TextSource(files);
  await source.check();
  const threads = options.threads ?? (source.bytesTotal < worthThreads ? 1 : availableParallelism());
  let shown = performance.now();
  const trained = await recipe.train(source.texts(options.unit ?? recipe.unit), {
    vocabSize,
    specialTokens,
    signal,
    ...(minFrequency !== undefined && { minFrequency }),
    ...(threads > 1 && { counter: countInThreads({ threads }) }),
    onProgress: ({ stage, done, total }) => {
      if (performance.now() - shown < 1000) return;
      shown = performance.now();
      output.note(
        stage === 'counting'
          ? `counting: ${megabytes(source.bytesRead)} of ${megabytes(source.bytesTotal)} MB`
          : `${stage}: ${done}${total === null ? '' : ` of ${total}`}`,
      );
    },
    onReport: ({ prunedWords, countError }) => {
      if (prunedWords > 0)
        output.note(
          `${prunedWords} rare words were dropped to stay in memory: no count is short by more than ${countError}`,
        );
    },
  });
  const tokenizer = new Tokenizer({ ...trained.parts, postProcessor: recipe.around(trained, specialTokens) });
  signal.throwIfAborted();
  await writeJsonFile(out, z.record(z.string(), z.json()).parse(tokenizer.toJSON()));
  if (tokenizer.vocabSize < vocabSize) {
    output.note(`the texts have only ${tokenizer.vocabSize} entries to give, not ${vocabSize}`);
  }
  output.result(
    { file: out, model, vocabSize: tokenizer.vocabSize, files: [...files] },
    `${tokenizer.vocabSize} entries in ${out}\n`,
  );
}

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { hfFiles, openCheckpoint, readConfig, readJsonFile } from '@tessera-llm/formats';
import { isModelType } from '@tessera-llm/models';
import { Tokenizer } from '@tessera-llm/tokenizers';
import { readProgressed } from '@tessera-llm/training';
import type { CommandContext } from '../main';

const show = (n: number): string => n.toLocaleString('en');

/** `tessera info`: what a checkpoint holds, from its headers: no weight is read, no model built. */
export async function showInfo(folder: string, context: CommandContext): Promise<void> {
  const config = await readConfig(folder);
  const reader = await openCheckpoint(folder);
  const tensors = [...reader.tensors].map(([name, { dtype, shape, byteLength }]) => ({
    name,
    dtype,
    shape: [...shape],
    byteLength,
  }));
  await reader.close();
  const parameters = tensors.reduce((sum, { shape }) => sum + shape.reduce((n, d) => n * d, 1), 0);
  const bytes = tensors.reduce((sum, { byteLength }) => sum + byteLength, 0);
  const dtypes = [...new Set(tensors.map(({ dtype }) => dtype))].sort();
  const tokenizer = await tokenizerOf(folder);
  const training = await trainingOf(folder);
  const supported = isModelType(config.model_type);
  const rows: [string, string][] = [
    ['architecture', `${config.model_type}${supported ? '' : ' (not supported by this version)'}`],
    ['parameters', `${show(parameters)} in ${tensors.length} tensors, ${dtypes.join(', ')}, ${show(bytes)} bytes`],
    ['tokenizer', tokenizer === null ? 'none' : `${show(tokenizer.vocabSize)} entries`],
    ['training', training === null ? 'no state' : `step ${show(training.step)}, ${show(training.tokens)} tokens`],
  ];
  context.output.result(
    { architecture: config.model_type, supported, parameters, bytes, dtypes, tokenizer, training, config, tensors },
    rows.map(([name, value]) => `${name.padEnd(14)}${value}\n`).join(''),
  );
}

async function tokenizerOf(folder: string): Promise<{ readonly vocabSize: number } | null> {
  const file = join(folder, hfFiles.tokenizer);
  if (!existsSync(file)) return null;
  return { vocabSize: Tokenizer.fromJSON(await readJsonFile(file)).vocabSize };
}

/** Where a run stands, if the folder is a checkpoint of one. */
async function trainingOf(folder: string): Promise<{ readonly step: number; readonly tokens: number } | null> {
  if (!existsSync(join(folder, 'training.json'))) return null;
  const { step, tokens } = await readProgressed(folder);
  return { step, tokens };
}

import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type GgufPlainValue,
  type JsonValue,
  ggufPlainMetadata,
  hfFiles,
  openCheckpoint,
  openGguf,
  readConfig,
  readJsonFile,
} from '@tessera-llm/formats';
import { architectures, isModelType } from '@tessera-llm/models';
import { Tokenizer } from '@tessera-llm/tokenizers';
import { readProgressed } from '@tessera-llm/training';
import type { CommandContext } from '../main';
import { modelPath } from './model-path';

const show = (n: number): string => n.toLocaleString('en');

/** `tessera info`: what a checkpoint or a GGUF file holds, from its headers: no weight is read, no model built. */
export async function showInfo(model: string, context: CommandContext): Promise<void> {
  const path = modelPath(model);
  const isFile = path.endsWith('.gguf') || (await stat(path).catch(() => null))?.isFile();
  await (isFile ? showFile(path, context) : showFolder(path, context));
}

/** A GGUF file: its metadata instead of a configuration, long lists cut to their lengths. */
async function showFile(path: string, context: CommandContext): Promise<void> {
  const file = await openGguf(path);
  await file.close();
  const plain = ggufPlainMetadata(file.metadata);
  const text = (key: string): string | null => (typeof plain[key] === 'string' ? plain[key] : null);
  const architecture = text('general.architecture');
  const tensors = [...file.tensors].map(([name, { type, shape, byteLength }]) => ({
    name,
    dtype: type,
    shape: [...shape],
    byteLength,
  }));
  const { parameters, bytes, dtypes } = totals(tensors);
  const supported = Object.values(architectures).some(({ gguf }) => gguf?.name === architecture);
  const tokens = plain['tokenizer.ggml.tokens'];
  const tokenizer = Array.isArray(tokens) ? { model: text('tokenizer.ggml.model'), vocabSize: tokens.length } : null;
  const rows: [string, string][] = [
    ['format', `GGUF version ${file.version}`],
    ['name', text('general.name') ?? 'none'],
    ['architecture', `${architecture ?? 'none'}${supported ? '' : ' (not supported by this version)'}`],
    ['parameters', `${show(parameters)} in ${tensors.length} tensors, ${dtypes.join(', ')}, ${show(bytes)} bytes`],
    ['context', contextOf(plain, architecture)],
    [
      'tokenizer',
      tokenizer === null ? 'none' : `${tokenizer.model ?? 'unnamed'}, ${show(tokenizer.vocabSize)} entries`,
    ],
    ['chat template', text('tokenizer.chat_template') === null ? 'none' : 'yes'],
  ];
  const metadata: Record<string, JsonValue> = {};
  for (const [key, value] of Object.entries(plain)) metadata[key] = shortJson(value);
  context.output.result(
    {
      format: 'gguf',
      version: file.version,
      architecture,
      supported,
      parameters,
      bytes,
      dtypes,
      tokenizer,
      metadata,
      tensors,
    },
    table(rows),
  );
}

function contextOf(plain: Readonly<Record<string, GgufPlainValue>>, architecture: string | null): string {
  const length = plain[`${architecture}.context_length`];
  return typeof length === 'number' ? `${show(length)} tokens` : 'unknown';
}

/** A metadata value as JSON: vocabularies would fill the screen, and JSON has no large integers. */
function shortJson(value: GgufPlainValue): JsonValue {
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  if (typeof value !== 'object') return value;
  return value.length > 64 ? { length: value.length } : value.map(shortJson);
}

interface Listed {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly byteLength: number;
}

function totals(tensors: readonly Listed[]): { parameters: number; bytes: number; dtypes: string[] } {
  return {
    parameters: tensors.reduce((sum, { shape }) => sum + shape.reduce((n, d) => n * d, 1), 0),
    bytes: tensors.reduce((sum, { byteLength }) => sum + byteLength, 0),
    dtypes: [...new Set(tensors.map(({ dtype }) => dtype))].sort(),
  };
}

const table = (rows: readonly (readonly [string, string])[]): string =>
  rows.map(([name, value]) => `${name.padEnd(15)}${value}\n`).join('');

async function showFolder(folder: string, context: CommandContext): Promise<void> {
  const config = await readConfig(folder);
  const reader = await openCheckpoint(folder);
  const tensors = [...reader.tensors].map(([name, { dtype, shape, byteLength }]) => ({
    name,
    dtype,
    shape: [...shape],
    byteLength,
  }));
  await reader.close();
  const { parameters, bytes, dtypes } = totals(tensors);
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
    table(rows),
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

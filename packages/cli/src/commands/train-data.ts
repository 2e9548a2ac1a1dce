import { createHash } from 'node:crypto';
import { dirname, join, resolve } from 'node:path';
import { type TokenSource, openTokens, readTextFiles, writeTokens } from '@tessera-llm/data';
import { readJsonFile } from '@tessera-llm/formats';
import { Tokenizer } from '@tessera-llm/tokenizers';
import type { HeldOutDocument } from '@tessera-llm/training';
import type { Output } from '../output';
import type { TrainConfig } from './train-config';

/** What turns a run's texts into tokens. */
export interface TrainTokenizer {
  readonly tokenizer: Tokenizer;
  /** Begins every text, and ends it; null for a tokenizer that puts nothing before a text. */
  readonly boundaryId: number | null;
}

/** What a run learns from. */
export interface TrainData {
  /** Token shards in the run's folder; to be closed. */
  readonly source: TokenSource;
  readonly heldOut: readonly HeldOutDocument[];
  /** SHA-256 of the texts, by what they are for. */
  readonly fingerprints: Readonly<Record<string, string>>;
}

const beside = (configFile: string, path: string): string => resolve(dirname(configFile), path);

/** Reads the tokenizer of a configuration. */
export async function readTrainTokenizer(config: TrainConfig, configFile: string): Promise<TrainTokenizer> {
  const tokenizer = Tokenizer.fromJSON(await readJsonFile(beside(configFile, config.tokenizer)));
  return { tokenizer, boundaryId: tokenizer.encodeIds('')[0] ?? null };
}

/** Reads the texts of a configuration; what is learned from goes through token shards on disk, not through memory. */
export async function readTrainData(
  config: TrainConfig,
  { tokenizer, boundaryId }: TrainTokenizer,
  p: {
    readonly configFile: string;
    readonly out: string;
    /** Whether the folder holds the shards of a run that goes on. */
    readonly resumed: boolean;
    readonly output: Output;
    readonly signal: AbortSignal;
  },
): Promise<TrainData> {
  const at = (path: string): string => beside(p.configFile, path);
  const hash = createHash('sha256');
  const folder = join(p.out, 'tokens');
  const texts = hashed(readTextFiles(config.data.train.map(at)), hash);
  if (p.resumed) {
    // The shards are there; the texts are only read to see that they are the same.
    for await (const _ of texts) p.signal.throwIfAborted();
  } else {
    const { token_count, document_count } = await writeTokens(folder, texts, {
      tokenizer: { encode: (text) => ({ ids: tokenizer.encodeIds(text) }) },
      vocabSize: tokenizer.vocabSize,
      ...(boundaryId !== null && { eosId: boundaryId }),
      signal: p.signal,
    });
    p.output.note(`${document_count} texts, ${token_count} tokens`);
  }
  const heldOut: HeldOutDocument[] = [];
  const heldOutHash = createHash('sha256');
  for await (const text of hashed(readTextFiles(config.data.validation.map(at)), heldOutHash)) {
    heldOut.push({ ids: tokenizer.encodeIds(text), bytes: Buffer.byteLength(text) });
  }
  const source = await openTokens(folder, { vocabSize: tokenizer.vocabSize });
  const tokenizerHash = createHash('sha256').update(JSON.stringify(tokenizer.toJSON())).digest('hex');
  const fingerprints = {
    train: hash.digest('hex'),
    validation: heldOutHash.digest('hex'),
    tokenizer: tokenizerHash,
    tokens: source.fingerprint,
  };
  return { source, heldOut, fingerprints };
}

async function* hashed(
  texts: AsyncIterable<string>,
  hash: ReturnType<typeof createHash>,
): AsyncGenerator<string, void, undefined> {
  for await (const text of texts) {
    hash.update(`${Buffer.byteLength(text)}\n`).update(text);
    yield text;
  }
}

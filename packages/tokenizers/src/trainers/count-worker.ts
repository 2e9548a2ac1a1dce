import { parentPort, workerData } from 'node:worker_threads';
import { TokenizerError } from '../errors';
import { createNormalizer } from '../normalizers/create';
import { createPreTokenizer } from '../pre-tokenizers/create';
import { CountTable } from './count-table';
import type { CountAnswer, CountTask, CountWorkerData } from './count-threads';
import type { PackedWords } from './word-counts';
import { WordReader } from './word-reader';

// The entry of a thread of `countInThreads`: batches of texts come in, counts of their words go out.
const { normalizer, preTokenizer } = workerData as CountWorkerData;
const table = new CountTable();
let parts: PackedWords[] = [];
const reader = new WordReader(
  {
    normalizer: normalizer === null ? null : createNormalizer(normalizer),
    preTokenizer: preTokenizer === null ? null : createPreTokenizer(preTokenizer),
  },
  table,
  () => {
    parts.push(table.pack());
    table.clear();
  },
);

function answer({ batch, first }: CountTask): CountAnswer {
  parts = [];
  try {
    reader.read(batch, first);
    return { parts };
  } catch (error) {
    table.clear();
    if (error instanceof TokenizerError) return { error: { code: error.code, message: error.message } };
    throw error;
  }
}

parentPort?.on('message', (task: CountTask) => {
  const made = answer(task);
  const buffers = 'parts' in made ? made.parts.flatMap((p) => [p.bytes, p.lengths, p.counts].map((a) => a.buffer)) : [];
  parentPort?.postMessage(made, buffers as ArrayBuffer[]);
});

import { parentPort, workerData } from 'node:worker_threads';
import { IdList } from '../fast/id-list';
import { Utf8 } from '../fast/utf8';
import { WordLog } from '../fast/word-log';
import { Bpe } from '../models/bpe';
import { Tokenizer } from '../tokenizer';
import { type EncodeAnswer, type EncodeTask, type NewWords, type TokenizerData, errorData } from './messages';

// The entry of a worker of `TokenizerPool`: texts come in, ids go out.
const port = parentPort;
const utf8 = new Utf8();

function open({ json, ranks }: TokenizerData): Tokenizer {
  const { parts } = Tokenizer.fromJSON(JSON.parse(json));
  if (ranks === null || !(parts.model instanceof Bpe)) return new Tokenizer(parts);
  return new Tokenizer({ ...parts, model: new Bpe({ ...parts.model.options, ranks }) });
}

function encode(tokenizer: Tokenizer, { memory, ends, places, ids, allowedSpecial }: EncodeTask): EncodeAnswer {
  const counts = new Int32Array(ends.length);
  const { quick } = tokenizer;
  const utf16 = Buffer.from(memory.buffer);
  const texts = Array.from(ends, (end, i) => [ends[i - 1] ?? 0, end] as const);
  if (ids !== null && quick !== null) {
    let n = 0;
    texts.forEach(([from, to], i) => {
      utf8.writeText(utf16.toString('utf16le', 2 * from, 2 * to), places[i] as number);
      const end = quick.encodeBytes(utf8, ids, n);
      counts[i] = end - n;
      n = end;
    });
    quick.exchange();
    return { ids: null, counts };
  }
  const out = new IdList();
  texts.forEach(([from, to], i) => {
    const before = out.length;
    const text = utf16.toString('utf16le', 2 * from, 2 * to);
    tokenizer.appendIds(text, { addSpecialTokens: false, allowedSpecial }, out);
    counts[i] = out.length - before;
  });
  return { ids: out.toArray(), counts };
}

function answer(work: () => EncodeAnswer): void {
  let made: EncodeAnswer;
  try {
    made = work();
  } catch (error) {
    made = { error: errorData(error) };
  }
  const buffers = 'counts' in made ? [made.ids, made.counts].flatMap((a) => (a === null ? [] : [a.buffer])) : [];
  port?.postMessage(made, buffers as ArrayBuffer[]);
}

function forget(tokenizer: Tokenizer, { log, others }: NewWords): void {
  tokenizer.clearCache();
  tokenizer.quick?.share(
    new WordLog(log),
    others.map((memory) => new WordLog(memory)),
  );
}

answer(() => {
  const tokenizer = open(workerData as TokenizerData);
  // Its tables are made now rather than at the first text.
  tokenizer.encodeIds('', { addSpecialTokens: false });
  port?.on('message', (message: EncodeTask | NewWords) => {
    if ('log' in message) forget(tokenizer, message);
    else answer(() => encode(tokenizer, message));
  });
  return { ready: true };
});

import { parentPort, workerData } from 'node:worker_threads';
import { IdList } from '../fast/id-list';
import { Bpe } from '../models/bpe';
import { Tokenizer } from '../tokenizer';
import { type EncodeAnswer, type EncodeTask, type TokenizerData, errorData } from './messages';

// The entry of a worker of `TokenizerPool`: texts come in, ids go out.
const port = parentPort;
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

function open({ json, ranks }: TokenizerData): Tokenizer {
  const { parts } = Tokenizer.fromJSON(JSON.parse(json));
  if (ranks === null || !(parts.model instanceof Bpe)) return new Tokenizer(parts);
  return new Tokenizer({ ...parts, model: new Bpe({ ...parts.model.options, ranks }) });
}

function encode(tokenizer: Tokenizer, { bytes, spans, ids, allowedSpecial }: EncodeTask): EncodeAnswer {
  const counts = new Int32Array(spans.length / 2);
  const { quick } = tokenizer;
  if (ids !== null && quick !== null) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let n = 0;
    for (let i = 0; i < counts.length; i++) {
      const end = quick.encodeBytes(bytes, view, spans[2 * i] as number, spans[2 * i + 1] as number, ids, n);
      counts[i] = end - n;
      n = end;
    }
    return { ids: null, counts };
  }
  const out = new IdList();
  for (let i = 0; i < counts.length; i++) {
    const before = out.length;
    // Decoders take no shared memory.
    const text = decoder.decode(bytes.slice(spans[2 * i], spans[2 * i + 1]));
    tokenizer.appendIds(text, { addSpecialTokens: false, allowedSpecial }, out);
    counts[i] = out.length - before;
  }
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

answer(() => {
  const tokenizer = open(workerData as TokenizerData);
  // Its tables are made now rather than at the first text.
  tokenizer.encodeIds('', { addSpecialTokens: false });
  port?.on('message', (task: EncodeTask) => answer(() => encode(tokenizer, task)));
  return { ready: true };
});

/** A thread with a tokenizer of its own: each message asks for one first pass over the text. See `Passes`. */
import { parentPort, workerData } from 'node:worker_threads';
import { Tokenizer } from '@tessera-llm/tokenizers';
import { z } from 'zod';
import { warmPasses } from './passes';

const { json, text, other } = z.object({ json: z.string(), text: z.string(), other: z.string() }).parse(workerData);
const tokenizer = Tokenizer.fromJSON(JSON.parse(json));

function pass(of: string): void {
  tokenizer.clearCache();
  tokenizer.encode(of);
}

for (let i = 0; i < warmPasses; i++) pass(other);
parentPort?.on('message', () => {
  pass(text);
  parentPort?.postMessage('done');
});
parentPort?.postMessage('ready');

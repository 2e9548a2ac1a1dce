import { readFileSync } from 'node:fs';

// The package tries its binary in a process of its own, which must not get this script as --eval once more.
process.execArgv = [];

const { serve } = await import(process.argv[1]);

// A walk through the vocabulary, as in src/random-ids.ts.
const randomIds = (count, vocabulary, seed) =>
  Array.from({ length: count }, (_, i) => (Math.imul(i + 1 + seed * 65537, 2654435761) >>> 0) % vocabulary);

await serve(async ({ file, flashAttention, threads, streams, promptTokens, newTokens, vocabulary }) => {
  const { getLlama } = await import('node-llama-cpp');
  const { version } = JSON.parse(readFileSync('node_modules/node-llama-cpp/package.json', 'utf8'));
  // The binaries of the package: nothing is built or downloaded.
  const llama = await getLlama({
    gpu: false,
    build: 'never',
    skipDownload: true,
    progressLogs: false,
    logLevel: 'error',
    maxThreads: threads,
  });
  const model = await llama.loadModel({ modelPath: file, gpuLayers: 0 });
  const context = await model.createContext({
    contextSize: promptTokens + newTokens,
    batchSize: Math.max(512, streams),
    sequences: streams,
    threads,
    flashAttention,
  });
  const sequences = Array.from({ length: streams }, () => context.getSequence());
  const shown = flashAttention === 'auto' ? '' : ` ${flashAttention ? 'with' : 'without'} flash attention`;

  const run = async () => {
    for (const sequence of sequences) await sequence.clearHistory();
    const start = performance.now();
    let first = start;
    let begun = 0;
    await Promise.all(
      sequences.map(async (sequence, seed) => {
        const prompt = randomIds(promptTokens, vocabulary, seed);
        let count = 0;
        for await (const _ of sequence.evaluate(prompt, { temperature: 0, yieldEogToken: true })) {
          if (++count === 1 && ++begun === streams) first = performance.now();
          if (count === newTokens) break;
        }
      }),
    );
    const end = performance.now();
    return { prefill: (first - start) / 1000, decode: (end - first) / 1000 };
  };
  return { name: `node-llama-cpp ${version}${shown}`, run };
});

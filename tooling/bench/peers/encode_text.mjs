import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const { serve } = await import(process.argv[1]);

await serve(async ({ encoding, text: place, warmPasses }) => {
  const { encode, clearMergeCache } = await import(`gpt-tokenizer/encoding/${encoding}`);
  const files = place.endsWith('.txt')
    ? [place]
    : readdirSync(place)
        .filter((name) => name.endsWith('.txt'))
        .sort()
        .map((name) => join(place, name));
  const all = files.map((file) => readFileSync(file, 'utf8')).join('\n');
  const cut = all.lastIndexOf('\n', Math.floor(all.length * 0.9));
  const [text, other] = [all.slice(0, cut), all.slice(cut)];
  for (let i = 0; i < warmPasses; i++) encode(other);
  return {
    name: 'gpt-tokenizer',
    run: () => {
      clearMergeCache();
      const start = performance.now();
      encode(text);
      return { '': (performance.now() - start) / 1000 };
    },
  };
});

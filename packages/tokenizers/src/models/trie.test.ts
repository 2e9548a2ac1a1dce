import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Trie } from './trie';

describe('Trie', () => {
  it('knows exactly the strings that were added', () => {
    const word = fc.string({ unit: fc.constantFrom('a', 'b', '😀'), maxLength: 4 });
    fc.assert(
      fc.property(fc.array(word), fc.array(word), (added, asked) => {
        const trie = new Trie();
        const values = new Map<string, number>();
        added.forEach((text, i) => {
          trie.add(text, i);
          values.set(text, i);
        });
        for (const text of [...added, ...asked]) {
          let node = 0;
          for (let i = 0; i < text.length && node >= 0; i++) node = trie.step(node, text.charCodeAt(i));
          expect(node < 0 ? -1 : trie.value(node)).toBe(values.get(text) ?? -1);
        }
      }),
    );
  });
});

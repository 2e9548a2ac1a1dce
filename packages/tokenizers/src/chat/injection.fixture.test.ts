import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { filesIn, fixtureCase, fixturesDir, loadJson, subfolders } from '@tessera-llm/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ChatMessage, ChatTemplate, Tokenizer, TokenizerError, applyChatTemplate } from '../index';

const folder = fixturesDir('tokenizers');
const tokenizers = subfolders(folder).filter((name) => existsSync(join(folder ?? '', name, 'tokenizer.json')));
const templates = filesIn(folder && join(folder, 'chat-templates'), '.jinja');

/** Special tokens of the templates, for tokenizers that lack them. */
const controls = [
  '<|im_start|>',
  '<|im_end|>',
  '<|start_header_id|>',
  '<|end_header_id|>',
  '<|eot_id|>',
  '<start_of_turn>',
  '<end_of_turn>',
  '<start_of_image>',
  '[INST]',
  '[/INST]',
  '<s>',
  '</s>',
];

function loaded(name: string): Tokenizer {
  const made = Tokenizer.fromJSON(loadJson(join(folder ?? '', name, 'tokenizer.json')));
  const known = new Set(made.specialTokens.map(({ content }) => content));
  const more = controls.filter((content) => !known.has(content));
  return new Tokenizer({
    ...made.parts,
    addedTokens: [
      ...(made.parts.addedTokens ?? []).filter(({ content }) => !more.includes(content)),
      ...more.map((content, i) => ({ id: made.tokenToId(content) ?? made.vocabSize + i, content, special: true })),
    ],
  });
}

/** A piece of text, and what stands in its place in the harmless chat. */
interface Atom {
  readonly text: string;
  readonly harmless: string;
}

const same = (text: string): Atom => ({ text, harmless: text });
const hostile = (text: string): Atom => ({ text, harmless: 'x'.repeat(text.length) });

function atoms(special: readonly string[]): fc.Arbitrary<Atom> {
  const token = fc.constantFrom(...special);
  return fc.oneof(
    { weight: 4, arbitrary: token.map(hostile) },
    {
      weight: 4,
      arbitrary: fc
        .tuple(token, fc.nat(20), fc.boolean())
        .map(([t, n, head]) =>
          hostile(head ? t.slice(0, 1 + (n % (t.length - 1 || 1))) : t.slice(1 + (n % (t.length - 1 || 1)))),
        ),
    },
    {
      weight: 2,
      arbitrary: fc.constantFrom(' ', '\n', 'a', 'Hello', 'é', '😀', '</think>', '<think>', '{{ x }}').map(same),
    },
  );
}

/** Chats in two forms: as an attacker writes them, and the same without anything like a special token. */
function chats(special: readonly string[]): fc.Arbitrary<readonly [ChatMessage[], ChatMessage[]]> {
  const said = fc.array(atoms(special), { maxLength: 5 }).map(
    (list): Atom => ({
      text: list.map(({ text }) => text).join(''),
      harmless: list.map(({ harmless }) => harmless).join(''),
    }),
  );
  const role = fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom('user', 'assistant', 'system', 'tool').map(same) },
    { weight: 1, arbitrary: said },
  );
  const content = fc.oneof(
    { weight: 4, arbitrary: said.map((a) => ({ text: a.text as unknown, harmless: a.harmless as unknown })) },
    {
      weight: 1,
      arbitrary: fc.array(said, { maxLength: 3 }).map((list) => ({
        text: list.map(({ text }) => ({ type: 'text', text })) as unknown,
        harmless: list.map(({ harmless }) => ({ type: 'text', text: harmless })) as unknown,
      })),
    },
  );
  const call = fc.tuple(said, said).map(([name, value]) => ({
    text: [{ function: { name: name.text, arguments: { [value.text]: value.text } } }],
    harmless: [{ function: { name: name.harmless, arguments: { [value.harmless]: value.harmless } } }],
  }));
  const message = fc.tuple(role, content, fc.option(call), fc.option(said)).map(([r, c, calls, thought]) => {
    const of = (form: 'text' | 'harmless'): ChatMessage => ({
      role: r[form],
      content: c[form],
      ...(calls && { tool_calls: calls[form] }),
      ...(thought && { reasoning_content: thought[form] }),
    });
    return [of('text'), of('harmless')] as const;
  });
  return fc
    .array(message, { minLength: 1, maxLength: 4 })
    .map((list) => [list.map(([m]) => m), list.map(([, m]) => m)] as const);
}

function attempt<T>(run: () => T): T | null {
  try {
    return run();
  } catch (error) {
    if (error instanceof TokenizerError && error.code === 'template') return null;
    throw error;
  }
}

describe.skipIf(folder === null)('no chat brings special tokens in (skipped where the fixtures are absent)', () => {
  for (const name of tokenizers) {
    for (const file of templates) {
      it(`${name}, ${file}`, () =>
        fixtureCase('tokenizers', `chat-templates/injection/${name}/${file}`, () => {
          const tokenizer = loaded(name);
          const source = readFileSync(join(folder ?? '', 'chat-templates', file), 'utf8');
          const template = new ChatTemplate(source, { specialTokens: { bos_token: '<s>', eos_token: '</s>' } });
          const special = tokenizer.specialTokens;
          // An unknown character is no control token.
          const unknown = tokenizer.encodeIds('\u{10ffff}', { addSpecialTokens: false });
          const counted = new Set(special.map(({ id }) => id).filter((id) => !unknown.includes(id)));
          const count = (ids: Iterable<number>) => [...ids].filter((id) => counted.has(id)).length;
          const { normalizer, preTokenizer, decoder } = tokenizer.parts;
          const prefixed = JSON.stringify(preTokenizer?.toJSON() ?? null).includes('"add_prefix_space":true');
          const lossless = !normalizer && !prefixed && decoder?.toJSON().type === 'ByteLevel';
          fc.assert(
            fc.property(
              chats(special.map(({ content }) => content)),
              fc.boolean(),
              ([chat, harmless], addGenerationPrompt) => {
                const options = {
                  addGenerationPrompt,
                  tools: [{ function: { name: chat[0]?.role, d: chat[0]?.content } }],
                };
                const safe = {
                  addGenerationPrompt,
                  tools: [{ function: { name: harmless[0]?.role, d: harmless[0]?.content } }],
                };
                const got = attempt(() => applyChatTemplate(tokenizer, template, chat, options));
                const want = attempt(() => applyChatTemplate(tokenizer, template, harmless, safe));
                expect(got === null).toBe(want === null);
                if (got === null || want === null) return;
                expect(count(got.ids)).toBe(count(want.ids));
                if (lossless) expect(tokenizer.decode(got.ids, { skipSpecialTokens: false })).toBe(got.text);
                const open = applyChatTemplate(tokenizer, template, harmless, { ...safe, allowSpecial: true });
                expect([...want.ids]).toEqual([...open.ids]);
              },
            ),
            { numRuns: 30 },
          );
        }));
    }
  }
});

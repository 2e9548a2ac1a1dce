import { join } from 'node:path';
import { fixtureCase, fixturesDir, loadJson } from '@tessera-llm/testing';
import { describe, expect, it } from 'vitest';
import { createDecoder, createNormalizer, createPreTokenizer, normalizeText, splitText } from './index';
import { codePointPlaces } from './text/unicode';

interface Component {
  readonly config: Record<string, unknown>;
  readonly cases: readonly (readonly [unknown, unknown])[];
}

const folder = fixturesDir('tokenizers');
const file = folder === null ? {} : (loadJson(join(folder, 'components.json')) as Record<string, readonly Component[]>);

const run: Readonly<Record<string, (config: unknown, input: unknown) => unknown>> = {
  normalizers: (config, input) => normalizeText(createNormalizer(config), input as string),
  pre_tokenizers: (config, input) => {
    const points = codePointPlaces(input as string);
    return splitText(createPreTokenizer(config), input as string).map((p) => [
      p.text,
      points?.[p.start] ?? p.start,
      points?.[p.end] ?? p.end,
    ]);
  },
  decoders: (config, input) => {
    const decoder = createDecoder(config);
    const tokens = input as string[];
    const stream = decoder.stream(false);
    const streamed = tokens
      .flatMap((token) => stream.push(token))
      .concat(stream.end())
      .join('');
    const whole = decoder.decode(tokens).join('');
    expect(streamed).toBe(whole);
    return whole;
  },
};

describe.skipIf(folder === null)('fixtures/tokenizers/components.json (skipped where the fixtures are absent)', () => {
  for (const [kind, apply] of Object.entries(run)) {
    for (const { config, cases } of file[kind] ?? []) {
      const name = JSON.stringify(config).slice(0, 100);
      it(`${kind} ${name}`, () =>
        fixtureCase('tokenizers', `components/${kind}/${name}`, () => {
          for (const [input, output] of cases) expect([input, apply(config, input)]).toEqual([input, output]);
        }));
    }
  }
});

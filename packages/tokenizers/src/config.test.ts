import { describe, expect, it } from 'vitest';
import { Reader, invertVocab, malformed, maxId, readVocab, shown } from './config';
import { createDecoder } from './decoders/create';
import { TokenizerError } from './errors';
import { createNormalizer } from './normalizers/create';
import { createPostProcessor } from './post-processors/create';
import { createPreTokenizer } from './pre-tokenizers/create';

describe('Reader', () => {
  const c = Reader.of({ a: 'x', n: 3, b: true, list: [1], inner: { z: 1 }, nothing: null }, 'top');

  it('reads what is there, else the fallback', () => {
    expect([c.string('a'), c.integer('n'), c.boolean('b'), c.list('list')]).toEqual(['x', 3, true, [1]]);
    expect([c.string('no', 'y'), c.integer('no', 5), c.boolean('nothing', false), c.optionalString('nothing')]).toEqual(
      ['y', 5, false, null],
    );
    expect(c.oneOf('a', ['x', 'y'])).toBe('x');
    expect(c.reader('inner').at('z')).toBe('top.inner.z');
  });

  it('names the place of what is not', () => {
    expect(() => c.string('n')).toThrow('[tokenizer] top.n: expected a string, got 3');
    expect(() => c.integer('n', 0, 4)).toThrow('[tokenizer] top.n: expected a whole number of at least 4, got 3');
    expect(() => c.boolean('a')).toThrow(/top\.a: expected true or false, got "x"/);
    expect(() => c.list('a')).toThrow(/top\.a: expected a list/);
    expect(() => c.oneOf('a', ['p', 'q'])).toThrow(/top\.a: expected one of p, q, got "x"/);
    expect(() => c.reader('list')).toThrow(/top\.list: expected an object/);
    // Names of Object's own properties are not there.
    expect(() => c.string('toString')).toThrow(/top\.toString/);
  });

  it('calls the whole by its name', () => {
    expect(malformed('', 'an object', 3).message).toBe('[tokenizer] tokenizer.json: expected an object, got 3');
    expect(shown('x'.repeat(200)).length).toBeLessThan(90);
    expect(malformed('p', 'x', 1)).toBeInstanceOf(TokenizerError);
  });

  it('shows whatever came', () => {
    const cycle: unknown[] = [];
    cycle.push({ cycle });
    const values = [cycle, { cycle }, nested('parts'), 7n, Number.NaN, undefined, Symbol('s')];
    expect(values.map(shown)).toEqual(['a list', 'an object', 'an object', '7n', 'NaN', 'undefined', 'Symbol(s)']);
    expect(() => Reader.of({ type: cycle }, 'top').string('type')).toThrow(TokenizerError);
  });
});

/** A Sequence in a Sequence in … */
function nested(key: string, depth = 20_000): unknown {
  let inner: unknown = { type: 'Sequence', [key]: [] };
  for (let i = 1; i < depth; i++) inner = { type: 'Sequence', [key]: [inner] };
  return inner;
}

describe('components in components', () => {
  it.each([
    ['normalizers', createNormalizer],
    ['pretokenizers', createPreTokenizer],
    ['processors', createPostProcessor],
    ['decoders', createDecoder],
  ] as const)('%s: end in an error that names the place where they go too deep', (key, create) => {
    const cycle: { type: string; [key: string]: unknown } = { type: 'Sequence' };
    cycle[key] = [cycle];
    for (const config of [nested(key), cycle]) {
      expect(() => create(config, 'here')).toThrow(TokenizerError);
      expect(() => create(config, 'here')).toThrow(
        new RegExp(
          `^\\[tokenizer\\] here\\.${key}\\[0\\]\\..{20,60}…: expected components in components at most 100 deep`,
        ),
      );
    }
    expect(create(nested(key, 101)).toJSON()).toEqual(nested(key, 101));
    expect(() => create({ type: 'Sequence', [key]: [{ type: 'Nope' }] }, 'here')).toThrow(`here.${key}[0].type`);
  });
});

describe('vocabularies', () => {
  it('are objects from token to id', () => {
    expect([...readVocab({ a: 0, __proto__: null }, 'v')]).toEqual([['a', 0]]);
    expect(() => readVocab([], 'v')).toThrow(/v: expected an object from token to id/);
    for (const id of [-1, 1.5, '1', null, maxId + 1])
      expect(() => readVocab({ 'a"b': id }, 'v')).toThrow(/v\["a\\"b"\]: expected an id/);
  });

  it('have each id once', () => {
    expect(invertVocab(new Map([['a', 1]]), 'v')).toEqual([undefined, 'a']);
    expect(() =>
      invertVocab(
        new Map([
          ['a', 1],
          ['b', 1],
        ]),
        'v',
      ),
    ).toThrow('[tokenizer] v: expected each id once, got 1 for both "a" and "b"');
  });
});

import { describe, expect, it } from 'vitest';
import { Reader, invertVocab, malformed, maxId, readVocab, shown } from './config';
import { TokenizerError } from './errors';

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

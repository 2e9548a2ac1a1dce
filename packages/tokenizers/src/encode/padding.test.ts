import { describe, expect, it } from 'vitest';
import { padRows, paddingToJson, readPadding } from './padding';
import { type Rows, addedRow } from './rows';

const text = (n: number): Rows => ({
  rows: Array.from({ length: n }, (_, i) => addedRow(i + 1, '', 0)),
  overflowing: [],
});
const ids = (batch: readonly Rows[]) => batch.map(({ rows }) => rows.map((r) => r.id));

describe('padRows', () => {
  it('pads to the longest, a length, or a multiple', () => {
    expect(ids(padRows([text(1), text(3)], {}))).toEqual([
      [1, 0, 0],
      [1, 2, 3],
    ]);
    expect(ids(padRows([text(2)], { length: 4, direction: 'left', padId: 9 }))).toEqual([[9, 9, 1, 2]]);
    expect(ids(padRows([text(3)], { padToMultipleOf: 4 }))).toEqual([[1, 2, 3, 0]]);
    expect(ids(padRows([text(5)], { length: 4 }))).toEqual([[1, 2, 3, 4, 5]]);
  });

  it('marks padding and pads the windows that overflow', () => {
    const [made] = padRows([{ ...text(1), overflowing: [text(2).rows] }], { length: 3, padToken: 'P', padTypeId: 2 });
    const last = made?.rows[2];
    expect(last).toMatchObject({ token: 'P', typeId: 2, special: true, attended: false, word: null, start: 0, end: 0 });
    expect(made?.overflowing[0]?.map((r) => r.id)).toEqual([1, 2, 0]);
  });

  it('refuses sizes that are no whole numbers', () => {
    expect(() => padRows([text(1)], { length: 1.5 })).toThrow(/\[padding\] length: expected a whole number/);
    expect(() => padRows([text(1)], { length: 1e9 })).toThrow(/length: expected .* from 0 to 1048576, got 1000000000/);
    expect(() => padRows([text(1)], { padToMultipleOf: 2 ** 31 })).toThrow(/padToMultipleOf: expected .* to 1048576/);
    expect(() => padRows([text(1)], { padId: 2 ** 31 })).toThrow(/padId: expected a whole number from 0 to 16777215/);
    expect(() => padRows([text(1)], { padId: -1 })).toThrow(/padId/);
    expect(() => padRows([text(1)], { padToMultipleOf: Number.NaN })).toThrow(/padToMultipleOf/);
    expect(() => padRows([text(1)], { padTypeId: -1 })).toThrow(/padTypeId: expected a whole number/);
  });

  it('refuses settings of another type', () => {
    const odd = (options: unknown) => () => padRows([text(1)], options as object);
    expect(odd(true)).toThrow(/\[padding\] padding: expected an object or null, got true/);
    expect(odd({ padToken: 5 })).toThrow(/padToken: expected a token, got 5/);
    expect(odd({ direction: 'Left' })).toThrow(/direction: expected 'left' or 'right', got "Left"/);
  });
});

describe('padding of a tokenizer.json', () => {
  it('is written as it was read', () => {
    for (const strategy of ['BatchLongest', { Fixed: 7 }]) {
      const json = {
        strategy,
        direction: 'Left',
        pad_to_multiple_of: 8,
        pad_id: 3,
        pad_type_id: 1,
        pad_token: '<pad>',
      };
      expect(paddingToJson(readPadding(json))).toEqual(json);
    }
    expect(readPadding(undefined)).toBeNull();
  });

  it('names what is malformed', () => {
    expect(() => readPadding({ strategy: { Fixed: 'x' } })).toThrow(/padding\.strategy\.Fixed/);
    expect(() => readPadding({ strategy: 'Shortest' })).toThrow(/padding\.strategy/);
    for (const multiple of ['8', -1, 1.5])
      expect(() => readPadding({ pad_to_multiple_of: multiple })).toThrow(/padding\.pad_to_multiple_of/);
  });
});

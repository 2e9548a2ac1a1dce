import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { batchFromSequences, checkSegments } from './batch';
import { LayersError } from './errors';
import { countTargets, nextTokenTargets } from './loss';
import { batchFromPadded } from './padded-batch';

describe('batchFromPadded', () => {
  it('takes padding out on either side', () => {
    const { batch, rows } = batchFromPadded(
      [
        [9, 9, 7],
        [4, 5, 9],
      ],
      [
        [0, 0, 1],
        [1, 1, 0],
      ],
    );
    expect([...batch.ids]).toEqual([7, 4, 5]);
    expect([...batch.offsets]).toEqual([0, 1, 3]);
    expect([...batch.positions]).toEqual([0, 0, 1]);
    expect([...rows]).toEqual([2, 3, 4]);
  });

  it('counts padding of the right side in the length of the call, as transformers does', () => {
    expect(
      batchFromPadded(
        [
          [1, 2, 0],
          [1, 0, 0],
        ],
        [
          [1, 1, 0],
          [1, 0, 0],
        ],
      ).batch.callLength,
    ).toBe(3);
    expect(
      batchFromPadded(
        [
          [0, 1, 2],
          [0, 0, 1],
        ],
        [
          [0, 1, 1],
          [0, 0, 1],
        ],
      ).batch.callLength,
    ).toBe(2);
  });

  it('gives back the sequences, whatever the padding', () => {
    const sequence = fc.array(fc.nat(99), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(fc.array(sequence, { minLength: 1, maxLength: 5 }), fc.boolean(), (sequences, left) => {
        const pads = (s: number[], value: number) => new Array<number>(6 - s.length).fill(value);
        const padded = (s: number[], value: number, own: number[]) =>
          left ? [...pads(s, value), ...own] : [...own, ...pads(s, value)];
        const { batch } = batchFromPadded(
          sequences.map((s) => padded(s, 1234, s)),
          sequences.map((s) =>
            padded(
              s,
              0,
              s.map(() => 1),
            ),
          ),
        );
        const { ids, offsets, positions } = batchFromSequences(sequences);
        expect(batch).toMatchObject({ ids, offsets, positions });
      }),
    );
  });

  it.each([
    ['shape', () => batchFromPadded([[1, 2], [3]])],
    ['shape', () => batchFromPadded([])],
    [
      'shape',
      () =>
        batchFromPadded(
          [[1, 2]],
          [
            [1, 1],
            [1, 1],
          ],
        ),
    ],
    ['value', () => batchFromPadded([[1, 2]], [[1, 2]])],
    ['value', () => batchFromPadded([[1, 2, 3]], [[1, 0, 1]])],
    ['value', () => batchFromPadded([[1, 2]], [[0, 0]])],
    ['value', () => batchFromPadded([[1, 0.5]])],
    ['value', () => batchFromPadded([[1, 2]], undefined, { padPositions: [[0, Number.NaN]] })],
    ['value', () => batchFromPadded([[1, 2]], undefined, { padPositions: [[1.5, 2]] })],
    ['value', () => batchFromPadded([[0, 2]], [[0, 1]], { padPositions: [[Number.NaN, 0]] })],
    ['value', () => batchFromSequences([])],
    ['value', () => batchFromSequences([BigInt64Array.of(1n) as never])],
    ['value', () => batchFromSequences([[1], []])],
    ['shape', () => checkSegments({ offsets: new Int32Array([0, 3]), positions: new Int32Array(2) }, 2)],
    [
      'position_out_of_range',
      () => checkSegments({ offsets: new Int32Array([0, 1]), positions: Int32Array.of(-1) }, 1),
    ],
  ])('throws %s', (code, run) => {
    expect(run).toThrow(LayersError);
    expect(run).toThrow(expect.objectContaining({ code }));
  });
});

describe('batchFromSequences', () => {
  it('refuses ids that int32 cannot hold', () => {
    for (const id of [2 ** 32, 2 ** 31, -(2 ** 40), 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => batchFromSequences([[1], [2, id]])).toThrow(`got ${id} at sequence 1, place 1`);
    }
    expect([...batchFromSequences([[2 ** 31 - 1, -1]]).ids]).toEqual([2 ** 31 - 1, -1]);
  });
});

describe('nextTokenTargets', () => {
  it('shifts within segments only', () => {
    const batch = batchFromSequences([[5, 6, 7], [8], [9, 10]]);
    const targets = nextTokenTargets(batch);
    expect([...targets]).toEqual([6, 7, -100, -100, 10, -100]);
    expect(countTargets(targets)).toBe(3);
    expect([...nextTokenTargets(batch, Int32Array.of(5, -100, 7, 8, 9, 10))]).toEqual([-100, 7, -100, -100, 10, -100]);
  });
});

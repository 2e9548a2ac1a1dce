import { describe, expect, it } from 'vitest';
import { type Row, addedRow } from '../encode/rows';
import { createPostProcessor } from './create';
import { finish } from './post-processor';
import { template, templateProcessor } from './template';

const row = (id: number, start = 0, end = 1, token = `t${id}`, sequence = 0): Row => ({
  ...addedRow(id, token, sequence),
  start,
  end,
  startPoint: start,
  endPoint: end,
  word: 0,
  sequence,
  special: false,
});
const text = (...rows: Row[]) => ({ rows, overflowing: [] });
const run = (config: unknown, pair: boolean, add = true) => {
  const texts = pair ? [text(row(10)), text(row(20, 0, 1, 't20', 1))] : [text(row(10))];
  return finish(createPostProcessor(config), texts, add).rows.map((r) => [r.id, r.typeId, r.special]);
};

describe('createPostProcessor', () => {
  it('BertProcessing: [CLS] A [SEP] B [SEP], the second text of type 1', () => {
    const bert = { type: 'BertProcessing', sep: ['[SEP]', 102], cls: ['[CLS]', 101] };
    expect(run(bert, false)).toEqual([
      [101, 0, true],
      [10, 0, false],
      [102, 0, true],
    ]);
    expect(run(bert, true)).toEqual([
      [101, 0, true],
      [10, 0, false],
      [102, 0, true],
      [20, 1, false],
      [102, 1, true],
    ]);
    expect(run(bert, true, false).map(([id]) => id)).toEqual([10, 20]);
    expect(createPostProcessor(bert).added(true)).toBe(3);
    expect(createPostProcessor(bert).toJSON()).toEqual(bert);
  });

  it('RobertaProcessing: <s> A </s></s> B </s>, everything of type 0', () => {
    const roberta = {
      type: 'RobertaProcessing',
      sep: ['</s>', 2],
      cls: ['<s>', 0],
      trim_offsets: true,
      add_prefix_space: true,
    };
    expect(run(roberta, true)).toEqual([
      [0, 0, true],
      [10, 0, false],
      [2, 0, true],
      [2, 0, true],
      [20, 0, false],
      [2, 0, true],
    ]);
    expect(createPostProcessor(roberta).added(false)).toBe(2);
    expect(createPostProcessor(roberta).toJSON()).toEqual(roberta);
  });

  it('TemplateProcessing: any order, types and several ids of one name', () => {
    const config = {
      type: 'TemplateProcessing',
      single: [{ SpecialToken: { id: 'X', type_id: 3 } }, { Sequence: { id: 'A', type_id: 2 } }],
      pair: [
        { Sequence: { id: 'B', type_id: 1 } },
        { SpecialToken: { id: 'X', type_id: 0 } },
        { Sequence: { id: 'A', type_id: 0 } },
      ],
      special_tokens: { X: { id: 'X', ids: [7, 8], tokens: ['x', 'y'] } },
    };
    expect(run(config, false)).toEqual([
      [7, 3, true],
      [8, 3, true],
      [10, 2, false],
    ]);
    expect(run(config, true).map(([id]) => id)).toEqual([20, 7, 8, 10]);
    expect(run(config, true, false).map(([id]) => id)).toEqual([20, 10]);
    expect(createPostProcessor(config).toJSON()).toEqual(config);
  });

  it('ByteLevel takes spaces out of offsets; a Sequence does one after the other', () => {
    const bytes = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true };
    const bos = { type: 'TemplateProcessing', ...templateProcessorJson() };
    const both = createPostProcessor({ type: 'Sequence', processors: [bytes, bos] });
    const { rows } = finish(both, [text(row(10, 3, 6, 'Ġab'), row(11, 6, 8, 'cĠ'), row(12, 8, 9, 'Ġ'))], true);
    expect(rows.map((r) => [r.id, r.start, r.end])).toEqual([
      [1, 0, 0],
      [10, 4, 6],
      [11, 6, 7],
      [12, 9, 9],
    ]);
    expect(both.added(false)).toBe(1);
  });

  it('keeps a space that was put before the text out of offsets', () => {
    const prefixed = createPostProcessor({
      type: 'ByteLevel',
      add_prefix_space: true,
      trim_offsets: true,
      use_regex: true,
    });
    const { rows } = finish(prefixed, [text(row(10, 0, 2, 'Ġab'), row(11, 2, 5, 'Ġcd'))], true);
    expect(rows.map((r) => [r.start, r.end])).toEqual([
      [0, 2],
      [3, 5],
    ]);
  });

  it('takes several spaces out, of which none was put there', () => {
    const prefixed = createPostProcessor({
      type: 'ByteLevel',
      add_prefix_space: true,
      trim_offsets: true,
      use_regex: true,
    });
    const { rows } = finish(prefixed, [text(row(10, 0, 2, '\n '), row(11, 0, 3, 'ĠĠa'))], true);
    expect(rows.map((r) => [r.start, r.end])).toEqual([
      [2, 2],
      [2, 3],
    ]);
  });

  it('names the component that is unknown or malformed', () => {
    const nested = { type: 'Sequence', processors: [{ type: 'ByteLevel' }, { type: 'Y' }] };
    expect(() => createPostProcessor(nested)).toThrow(/post_processor\.processors\[1\]\.type: expected one of/);
    expect(() => createPostProcessor({ type: 'BertProcessing', sep: ['x'], cls: ['y', 1] })).toThrow(
      /post_processor\.sep/,
    );
    const wrong = { type: 'TemplateProcessing', pair: [], special_tokens: {} };
    expect(() => createPostProcessor({ ...wrong, single: [{ SpecialToken: { id: 'X', type_id: 0 } }] })).toThrow(
      /post_processor\.single\[0\]: expected a special token that special_tokens defines/,
    );
    expect(() => createPostProcessor({ ...wrong, single: [{ Sequence: { id: 'B', type_id: 0 } }] })).toThrow(
      /the sequence A only/,
    );
    expect(() =>
      createPostProcessor({ ...wrong, single: [], special_tokens: { X: { id: 'X', ids: [-1], tokens: [] } } }),
    ).toThrow(/special_tokens\.X\.ids\[0\]/);
  });
});

function templateProcessorJson(): Record<string, unknown> {
  return template({ before: [{ token: '<s>', id: 1 }] }).toJSON();
}

describe('template', () => {
  it('puts tokens around each text, the second of type 1', () => {
    const made = template({ before: [{ token: '<s>', id: 1 }], after: [{ token: '</s>', id: 2 }] });
    const { rows } = finish(made, [text(row(10)), text(row(20))], true);
    expect(rows.map((r) => [r.id, r.typeId])).toEqual([
      [1, 0],
      [10, 0],
      [2, 0],
      [1, 1],
      [20, 1],
      [2, 1],
    ]);
    expect([made.added(false), made.added(true)]).toEqual([2, 4]);
  });

  it('puts them around every window that overflows', () => {
    const made = templateProcessor({
      single: [
        { special: 'X', typeId: 0 },
        { sequence: 'A', typeId: 0 },
      ],
      pair: [],
      tokens: new Map([['X', { ids: [9], tokens: ['X'] }]]),
    });
    const { overflowing } = finish(made, [{ rows: [row(1)], overflowing: [[row(2)], [row(3)]] }], true);
    expect(overflowing.map((rows) => rows.map((r) => r.id))).toEqual([
      [9, 2],
      [9, 3],
    ]);
  });
});

describe('sequences of post-processors', () => {
  const bert = { type: 'BertProcessing', sep: ['[SEP]', 1], cls: ['[CLS]', 0] };
  const roberta = { ...bert, type: 'RobertaProcessing', trim_offsets: true, add_prefix_space: true };
  const byteLevel = { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true };
  const template = {
    type: 'TemplateProcessing',
    single: [
      { SpecialToken: { id: '[CLS]', type_id: 0 } },
      { Sequence: { id: 'A', type_id: 0 } },
      { SpecialToken: { id: '[SEP]', type_id: 0 } },
    ],
    pair: [
      { SpecialToken: { id: '[CLS]', type_id: 0 } },
      { Sequence: { id: 'A', type_id: 0 } },
      { SpecialToken: { id: '[SEP]', type_id: 0 } },
      { Sequence: { id: 'B', type_id: 0 } },
    ],
    special_tokens: {
      '[CLS]': { id: '[CLS]', ids: [0], tokens: ['[CLS]'] },
      '[SEP]': { id: '[SEP]', ids: [1], tokens: ['[SEP]'] },
    },
  };
  const [a, b] = [text(row(10), row(11)), text(row(20, 0, 1, 't20', 1))];

  /** Encoding.sequence_ids of Hugging Face's library (0.23.3). */
  it.each([
    [[bert, byteLevel], [a], [0, 0, 0, 0]],
    [
      [bert, byteLevel],
      [a, b],
      [0, 0, 0, 0, 1, 1],
    ],
    [[roberta, byteLevel], [a], [0, 0, 0, 0]],
    [[bert, template], [a], [null, 0, 0, 0, 0, null]],
    [[byteLevel, template], [a], [null, 0, 0, null]],
    [[template, byteLevel], [a], [null, 1, 1, 2]],
    [
      [template, byteLevel],
      [a, b],
      [null, 0, 0, 2, 3],
    ],
    [[template, bert], [a], [null, 0, null, null, null, null, 1, null]],
    [
      [template, bert],
      [a, b],
      [null, 0, null, null, null, null, null, null, 1, null],
    ],
    [[template, roberta], [a], [null, 0, null, null, null, null, null, null, 1, null]],
    [
      [template, roberta],
      [a, b],
      [null, 0, null, null, null, null, null, null, null, null, null, 1, null],
    ],
    [[template, bert, byteLevel], [a], [0, 0, 0, null, null, null, 2, 2]],
    [
      [template, bert, byteLevel],
      [a, b],
      [0, 0, 0, null, null, null, 2, 2, 3, 3],
    ],
    [[template, byteLevel, bert], [a], [null, 0, null, null, null, null, 1, null]],
    [
      [template, byteLevel, bert],
      [a, b],
      [null, 0, null, null, null, null, null, null, 1, null],
    ],
    [[byteLevel, template, byteLevel], [a], [null, 1, 1, 2]],
    [
      [byteLevel, template, byteLevel],
      [a, b],
      [null, 0, 0, 2, 3],
    ],
  ])('%#: know of which text all is that a later step had as one', (processors, texts, expected) => {
    const { rows } = finish(createPostProcessor({ type: 'Sequence', processors }), texts, true);
    expect(rows.map(({ sequence }) => sequence)).toEqual(expected);
  });
});

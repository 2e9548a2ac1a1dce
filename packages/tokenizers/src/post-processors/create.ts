import { Reader, malformed } from '../config';
import { type Row, type Rows, addedRow, mapRows } from '../encode/rows';
import { type PostProcessor, trimRow } from './post-processor';
import { readTemplate } from './template';

type Special = readonly [string, number];

function readSpecial(c: Reader, key: string): Special {
  const value = c.list(key);
  const [token, id] = value;
  if (value.length !== 2 || typeof token !== 'string' || typeof id !== 'number' || !Number.isInteger(id) || id < 0) {
    throw malformed(c.at(key), 'a token with its id', value);
  }
  return [token, id];
}

/** A text between special tokens: what was around it in an earlier step of a sequence is text now, as in Hugging Face's library. */
function framed(
  { rows, overflowing }: Rows,
  sequence: number | null,
  before: readonly Row[],
  after: readonly Row[],
): Rows {
  const frame = (window: readonly Row[]) => [
    ...before,
    ...window.map((row) => ({ ...row, sequence, special: false, attended: true })),
    ...after,
  ];
  return { rows: frame(rows), overflowing: overflowing.map(frame) };
}

/**
 * Which text the encoding at a place is. A template before makes more than two: all but the first are the second text
 * then, and as in Hugging Face's library only the last of them is known to be.
 */
function sequenceAt(index: number, count: number): number | null {
  if (index === 0) return 0;
  return index === count - 1 ? 1 : null;
}

/** BERT's `[CLS] A [SEP] B [SEP]`, the second text of type 1. */
function bert(sep: Special, cls: Special): PostProcessor {
  const row = ([token, id]: Special, typeId: number) => [addedRow(id, token, typeId)];
  return {
    process: (texts, add) =>
      texts.map((rows, i) =>
        !add ? rows : framed(rows, sequenceAt(i, texts.length), i === 0 ? row(cls, 0) : [], row(sep, i === 0 ? 0 : 1)),
      ),
    added: (pair) => (pair ? 3 : 2),
    toJSON: () => ({ type: 'BertProcessing', sep: [...sep], cls: [...cls] }),
  };
}

/** RoBERTa's `<s> A </s></s> B </s>`, everything of type 0. */
function roberta(sep: Special, cls: Special, trim: boolean, addPrefixSpace: boolean): PostProcessor {
  const row = ([token, id]: Special) => [addedRow(id, token, 0)];
  const zero = (r: Row) => (r.typeId === 0 ? r : { ...r, typeId: 0 });
  return {
    process: (texts, add) =>
      texts.map((given, i) => {
        const rows = trim ? mapRows(given, (r, k) => trimRow(r, k, addPrefixSpace)) : given;
        // Without special tokens the windows that overflow keep their types, as in Hugging Face's library.
        if (!add) return { ...rows, rows: rows.rows.map(zero) };
        return framed(mapRows(rows, zero), sequenceAt(i, texts.length), row(i === 0 ? cls : sep), row(sep));
      }),
    added: (pair) => (pair ? 4 : 2),
    toJSON: () => ({
      type: 'RobertaProcessing',
      sep: [...sep],
      cls: [...cls],
      trim_offsets: trim,
      add_prefix_space: addPrefixSpace,
    }),
  };
}

/**
 * What a step before put around a text is text now. Where a template made more encodings than there are texts, each one
 * counts as a text, and one that comes later and was known as a text before keeps that place from others, as in Hugging
 * Face's library.
 */
function numbered(texts: readonly Rows[]): Rows[] {
  if (texts.every(({ rows }, i) => rows.every((row) => row.sequence === i))) return [...texts];
  const last = new Map<number | null, number>();
  texts.forEach(({ rows }, i) => {
    for (const { sequence } of rows) last.set(sequence, i);
  });
  const isLost = (sequence: number | null, at: number) => (last.get(sequence) ?? at) > at;
  return texts.map((given, i) => {
    const sequenceOf = ({ sequence }: Row) => (!isLost(i, i) ? i : isLost(sequence, i) ? null : sequence);
    return {
      ...given,
      rows: given.rows.map((row) => (row.sequence === sequenceOf(row) ? row : { ...row, sequence: sequenceOf(row) })),
    };
  });
}

function byteLevel(c: Reader): PostProcessor {
  const trim = c.boolean('trim_offsets', true);
  const addPrefixSpace = c.boolean('add_prefix_space', true);
  const json = {
    type: 'ByteLevel',
    add_prefix_space: addPrefixSpace,
    trim_offsets: trim,
    use_regex: c.boolean('use_regex', true),
  };
  return {
    process: (texts) =>
      numbered(trim ? texts.map((rows) => mapRows(rows, (row, i) => trimRow(row, i, addPrefixSpace))) : texts),
    added: () => 0,
    toJSON: () => json,
  };
}

function sequence(parts: readonly PostProcessor[]): PostProcessor {
  return {
    process: (texts, add) => parts.reduce((t, part) => part.process(t, add), [...texts]),
    added: (pair) => parts.reduce((n, part) => n + part.added(pair), 0),
    toJSON: () => ({ type: 'Sequence', processors: parts.map((p) => p.toJSON()) }),
  };
}

const readers: Readonly<Record<string, (config: Reader) => PostProcessor>> = {
  BertProcessing: (c) => bert(readSpecial(c, 'sep'), readSpecial(c, 'cls')),
  ByteLevel: byteLevel,
  RobertaProcessing: (c) => {
    const sep = readSpecial(c, 'sep');
    const cls = readSpecial(c, 'cls');
    // Hugging Face's library takes one that lacks a setting, or has another kind of value there, for BERT's.
    if (typeof c.get('trim_offsets') !== 'boolean' || typeof c.get('add_prefix_space') !== 'boolean')
      return bert(sep, cls);
    return roberta(sep, cls, c.boolean('trim_offsets', true), c.boolean('add_prefix_space', true));
  },
  Sequence: (c) => sequence(c.components('processors', read)),
  TemplateProcessing: readTemplate,
};

function read(config: Reader): PostProcessor {
  return config.component(readers);
}

/**
 * A post-processor from its component of a tokenizer.json: `BertProcessing`, `ByteLevel`, `RobertaProcessing`,
 * `Sequence` or `TemplateProcessing`.
 *
 * @param config The parsed component.
 * @param place What messages call it; default `post_processor`.
 * @throws TokenizerError `unsupported` for an unknown type, `invalid_file` naming the malformed place. Its `process`
 * throws `unsupported` for a template behind another one.
 *
 * @example
 * ```ts
 * import { Tokenizer, WordLevel, createPostProcessor } from '@tessera-llm/tokenizers';
 * const model = new WordLevel({ vocab: new Map([['[CLS]', 0], ['[SEP]', 1], ['low', 2]]) });
 * const postProcessor = createPostProcessor({ type: 'BertProcessing', cls: ['[CLS]', 0], sep: ['[SEP]', 1] });
 * console.log(new Tokenizer({ model, postProcessor }).encode('low').tokens); // ['[CLS]', 'low', '[SEP]']
 * ```
 */
export function createPostProcessor(config: unknown, place = 'post_processor'): PostProcessor {
  return read(Reader.of(config, place));
}

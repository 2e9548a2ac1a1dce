import { Reader, malformed } from '../config';
import { type Row, mapRows } from '../encode/rows';
import { TokenizerError } from '../errors';
import { type PostProcessor, trimRow } from './post-processor';
import { readTemplate, templateProcessor } from './template';

type Special = readonly [string, number];

function readSpecial(c: Reader, key: string): Special {
  const value = c.list(key);
  const [token, id] = value;
  if (value.length !== 2 || typeof token !== 'string' || typeof id !== 'number' || !Number.isInteger(id) || id < 0) {
    throw malformed(c.at(key), 'a token with its id', value);
  }
  return [token, id];
}

const specialPart = ([token]: Special, typeId: number) => ({ special: token, typeId });

/** BERT's `[CLS] A [SEP] B [SEP]`, the second text of type 1. */
function bert(sep: Special, cls: Special): PostProcessor {
  const single = [specialPart(cls, 0), { sequence: 'A', typeId: 0 } as const, specialPart(sep, 0)];
  const inner = templateProcessor({
    single,
    pair: [...single, { sequence: 'B', typeId: 1 }, specialPart(sep, 1)],
    tokens: new Map([sep, cls].map(([token, id]) => [token, { ids: [id], tokens: [token] }])),
  });
  return {
    process: (texts, add) => (add ? inner.process(texts, true) : [...texts]),
    added: inner.added,
    toJSON: () => ({ type: 'BertProcessing', sep: [...sep], cls: [...cls] }),
  };
}

/** RoBERTa's `<s> A </s></s> B </s>`, everything of type 0. */
function roberta(sep: Special, cls: Special, trim: boolean, addPrefixSpace: boolean): PostProcessor {
  const single = [specialPart(cls, 0), { sequence: 'A', typeId: 0 } as const, specialPart(sep, 0)];
  const inner = templateProcessor({
    single,
    pair: [...single, specialPart(sep, 0), { sequence: 'B', typeId: 0 }, specialPart(sep, 0)],
    tokens: new Map([sep, cls].map(([token, id]) => [token, { ids: [id], tokens: [token] }])),
  });
  return {
    process(texts, add) {
      const trimmed = trim ? texts.map((rows) => mapRows(rows, (row, i) => trimRow(row, i, addPrefixSpace))) : texts;
      const zero = (row: Row) => (row.typeId === 0 ? row : { ...row, typeId: 0 });
      if (add)
        return inner.process(
          trimmed.map((rows) => mapRows(rows, zero)),
          true,
        );
      // Without special tokens the windows that overflow keep their types, as in Hugging Face's library.
      return trimmed.map(({ rows, overflowing }) => ({ rows: rows.map(zero), overflowing }));
    },
    added: inner.added,
    toJSON: () => ({
      type: 'RobertaProcessing',
      sep: [...sep],
      cls: [...cls],
      trim_offsets: trim,
      add_prefix_space: addPrefixSpace,
    }),
  };
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
      trim ? texts.map((rows) => mapRows(rows, (row, i) => trimRow(row, i, addPrefixSpace))) : [...texts],
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
  RobertaProcessing: (c) =>
    roberta(
      readSpecial(c, 'sep'),
      readSpecial(c, 'cls'),
      c.boolean('trim_offsets', true),
      c.boolean('add_prefix_space', true),
    ),
  Sequence: (c) => sequence(c.list('processors').map((p, i) => createPostProcessor(p, `${c.at('processors')}[${i}]`))),
  TemplateProcessing: readTemplate,
};

/**
 * A post-processor from its component of a tokenizer.json.
 *
 * @throws TokenizerError `unsupported` for an unknown type, `invalid_file` naming the malformed place.
 */
export function createPostProcessor(config: unknown, place = 'post_processor'): PostProcessor {
  const reader = Reader.of(config, place);
  const type = reader.string('type');
  const read = Object.hasOwn(readers, type) ? readers[type] : undefined;
  if (read === undefined) {
    throw new TokenizerError(
      'unsupported',
      `[tokenizer] ${reader.at('type')}: expected one of ${Object.keys(readers).join(', ')}, got ${JSON.stringify(type)}`,
    );
  }
  return read(reader);
}

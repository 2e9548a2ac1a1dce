import { type Reader, isRecord, malformed, wrongArgument } from '../config';
import { type Row, type Rows, addedRow, mapRows } from '../encode/rows';
import { TokenizerError } from '../errors';
import type { PostProcessor } from './post-processor';

/** A part of a template: a special token (one or several ids), or one of the two texts; `typeId` is their segment. */
export type TemplatePart =
  | { readonly special: string; readonly typeId: number }
  | { readonly sequence: 'A' | 'B'; readonly typeId: number };

/** Ids and tokens that a special token of a template stands for. */
export interface TemplateToken {
  readonly ids: readonly number[];
  /** The token of each id. */
  readonly tokens: readonly string[];
}

/** Settings of `templateProcessor`. */
export interface TemplateOptions {
  /** What one text becomes; it is the sequence A. */
  readonly single: readonly TemplatePart[];
  /** What two texts become, A and B. */
  readonly pair: readonly TemplatePart[];
  /** The special tokens by the names that the parts call them. */
  readonly tokens: ReadonlyMap<string, TemplateToken>;
}

/**
 * Puts texts and special tokens in the order of a template; `template` writes the usual ones. Without special tokens
 * the texts still get their order and segments.
 *
 * @throws TokenizerError `invalid_argument` for a special token that is not among `tokens`, or B in `single`; `unsupported` when it is run on more than two encodings, which only another template makes.
 *
 * @example
 * ```ts
 * import { Tokenizer, WordLevel, templateProcessor } from '@tessera-llm/tokenizers';
 * const postProcessor = templateProcessor({
 *   single: [{ sequence: 'A', typeId: 0 }, { special: '</s>', typeId: 0 }],
 *   pair: [{ sequence: 'A', typeId: 0 }, { special: '</s>', typeId: 0 }, { sequence: 'B', typeId: 1 }],
 *   tokens: new Map([['</s>', { ids: [0], tokens: ['</s>'] }]]),
 * });
 * const model = new WordLevel({ vocab: new Map([['</s>', 0], ['low', 1], ['high', 2]]) });
 * const { ids, typeIds } = new Tokenizer({ model, postProcessor }).encode('low', { pair: 'high' });
 * console.log(ids, typeIds); // [1, 0, 2] [0, 0, 1]
 * ```
 */
export function templateProcessor(options: TemplateOptions): PostProcessor {
  const { single, pair, tokens } = options;
  for (const part of [...single, ...pair]) {
    if (!('special' in part) || tokens.has(part.special)) continue;
    throw wrongArgument('templateProcessor', 'tokens', `what ${JSON.stringify(part.special)} stands for`, [
      ...tokens.keys(),
    ]);
  }
  if (single.some((part) => 'sequence' in part && part.sequence === 'B')) {
    throw wrongArgument('templateProcessor', 'single', 'the sequence A only', 'B');
  }
  const special = (part: TemplatePart) => ('special' in part ? (tokens.get(part.special) as TemplateToken) : null);
  const count = (parts: readonly TemplatePart[]) => parts.reduce((n, part) => n + (special(part)?.ids.length ?? 0), 0);
  return {
    process(texts, addSpecialTokens) {
      if (texts.length > 2) {
        throw new TokenizerError(
          'unsupported',
          `[TemplateProcessing] expected one or two texts, got ${texts.length}: a template can't follow another in a Sequence`,
        );
      }
      const parts = texts.length > 1 ? pair : single;
      return parts.flatMap((part, i): Rows[] => {
        if ('sequence' in part) {
          const rows = texts[part.sequence === 'A' ? 0 : 1] as Rows;
          // As in Hugging Face's library, windows that overflow keep the type of their text, and of a text that is there
          // twice only the last is known to be that text.
          const again = parts.some((p, k) => k > i && 'sequence' in p && p.sequence === part.sequence);
          const sequence = again ? null : part.sequence === 'A' ? 0 : 1;
          const known = again ? mapRows(rows, (row) => ({ ...row, sequence })) : rows;
          const { typeId } = part;
          const own = (row: Row) =>
            row.sequence === sequence && row.typeId === typeId ? row : { ...row, sequence, typeId };
          return [{ ...known, rows: known.rows.map(own) }];
        }
        const token = special(part);
        if (!addSpecialTokens || token === null) return [];
        const rows = token.ids.map((id, i) => addedRow(id, token.tokens[i] ?? part.special, part.typeId));
        return [{ rows, overflowing: [] }];
      });
    },
    added: (isPair) => count(isPair ? pair : single),
    toJSON: () => ({
      type: 'TemplateProcessing',
      single: single.map(partToJson),
      pair: pair.map(partToJson),
      special_tokens: Object.fromEntries(
        [...tokens].map(([id, t]) => [id, { id, ids: [...t.ids], tokens: [...t.tokens] }]),
      ),
    }),
  };
}

function partToJson(part: TemplatePart): unknown {
  return 'special' in part
    ? { SpecialToken: { id: part.special, type_id: part.typeId } }
    : { Sequence: { id: part.sequence, type_id: part.typeId } };
}

/**
 * Special tokens before and after each text: `before A after` for one, `before A after before B after` for a pair, the
 * second text and its tokens of type 1, the first of type 0.
 *
 * @param options.before Default none.
 * @param options.after Default none.
 *
 * @example
 * ```ts
 * import { template } from '@tessera-llm/tokenizers';
 * const post = template({ before: [{ token: '<s>', id: 1 }] });
 * console.log(post.added(false)); // 1
 * ```
 */
export function template(options: {
  readonly before?: readonly { readonly token: string; readonly id: number }[];
  readonly after?: readonly { readonly token: string; readonly id: number }[];
}): PostProcessor {
  const { before = [], after = [] } = options;
  const around = (sequence: 'A' | 'B', typeId: number): TemplatePart[] => [
    ...before.map(({ token }) => ({ special: token, typeId })),
    { sequence, typeId },
    ...after.map(({ token }) => ({ special: token, typeId })),
  ];
  return templateProcessor({
    single: around('A', 0),
    pair: [...around('A', 0), ...around('B', 1)],
    tokens: new Map([...before, ...after].map(({ token, id }) => [token, { ids: [id], tokens: [token] }])),
  });
}

function readParts(
  list: readonly unknown[],
  place: string,
  tokens: ReadonlyMap<string, TemplateToken>,
): TemplatePart[] {
  return list.map((item, i) => {
    const at = `${place}[${i}]`;
    if (isRecord(item)) {
      const { SpecialToken: special, Sequence: sequence } = item;
      const part = isRecord(special) ? special : isRecord(sequence) ? sequence : null;
      const typeId = part?.type_id ?? 0;
      if (part !== null && typeof part.id === 'string' && typeof typeId === 'number') {
        if (part === sequence && (part.id === 'A' || part.id === 'B')) return { sequence: part.id, typeId };
        if (part === special && tokens.has(part.id)) return { special: part.id, typeId };
      }
    }
    throw malformed(at, 'a special token that special_tokens defines, or the sequence A or B', item);
  });
}

export function readTemplate(c: Reader): PostProcessor {
  const tokens = new Map<string, TemplateToken>();
  const given = c.reader('special_tokens');
  for (const name of Object.keys(given.raw)) {
    const token = given.reader(name);
    const ids = token.list('ids').map((id, i) => {
      if (typeof id !== 'number' || !Number.isInteger(id) || id < 0)
        throw malformed(`${token.at('ids')}[${i}]`, 'an id', id);
      return id;
    });
    tokens.set(name, { ids, tokens: token.list('tokens').map(String) });
  }
  const single = readParts(c.list('single'), c.at('single'), tokens);
  const pair = readParts(c.list('pair'), c.at('pair'), tokens);
  for (const part of single)
    if ('sequence' in part && part.sequence === 'B') throw malformed(c.at('single'), 'the sequence A only', 'B');
  return templateProcessor({ single, pair, tokens });
}

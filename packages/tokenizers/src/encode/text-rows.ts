import type { TextInput, TokenizerParts } from '../options';
import { AlignedText } from '../text/aligned-text';
import { codePointPlaces } from '../text/unicode';
import { checkText } from '../text/well-formed';
import type { AddedTokens, AllowedSpecial } from './added-tokens';
import type { Row } from './rows';
import type { TruncationOptions } from './truncation';

/** One text through added tokens, normaliser, pre-tokenizer and model. Offsets of given words are within each word. */
export function textRows(
  parts: Pick<TokenizerParts, 'model' | 'preTokenizer'>,
  added: AddedTokens,
  input: TextInput,
  sequence: number,
  allowed: AllowedSpecial,
  truncation: TruncationOptions | null,
): Row[] {
  const all: Row[] = [];
  const given = typeof input === 'string' ? null : input;
  (given ?? [input as string]).forEach((text, index) => {
    checkText(text, 0, given === null ? undefined : index);
    const points = codePointPlaces(text);
    const rows: Row[] = [];
    // Where each piece ends among the rows, and whether the model made it.
    const ends: number[] = [];
    const made: boolean[] = [];
    const add = (id: number, token: string, [start, end]: [number, number], word: number) => {
      rows.push({
        id,
        token,
        start,
        end,
        startPoint: points?.[start] ?? start,
        endPoint: points?.[end] ?? end,
        word,
        typeId: sequence,
        sequence,
        special: false,
        attended: true,
      });
    };
    for (const part of added.split(AlignedText.of(text), allowed)) {
      if (part.token !== null) {
        add(part.token.id, part.text.text, part.text.range(0, part.text.length), given === null ? ends.length : index);
        ends.push(rows.length);
        made.push(false);
        continue;
      }
      for (const word of parts.preTokenizer ? parts.preTokenizer.split(part.text) : [part.text]) {
        let base = 0;
        for (const stretch of parts.model.segments?.(word.text) ?? [word.text]) {
          const pieces = parts.model.tokenize(stretch);
          for (let k = 0; k < pieces.ids.length; k++) {
            add(
              pieces.ids[k] as number,
              pieces.tokens[k] as string,
              word.range(base + (pieces.starts[k] as number), base + (pieces.ends[k] as number)),
              given === null ? ends.length : index,
            );
          }
          base += stretch.length;
        }
        ends.push(rows.length);
        made.push(true);
      }
    }
    const { kept, piece } = truncation === null ? { kept: rows, piece: 0 } : wanted(rows, ends, made, truncation);
    // Dropped from the left, the pieces that stay are counted anew.
    const first = given === null ? piece : 0;
    for (const row of kept) all.push(first === 0 ? row : { ...row, word: (row.word as number) - first });
  });
  return all;
}

/**
 * Hugging Face's library stops after the piece with which a text has as many tokens as a window: what lies beyond is
 * in no window. Added tokens count, but it stops at none of them.
 *
 * @returns The rows that stay and the piece with which they begin.
 */
function wanted(
  rows: readonly Row[],
  ends: readonly number[],
  made: readonly boolean[],
  { maxLength, direction }: TruncationOptions,
): { readonly kept: readonly Row[]; readonly piece: number } {
  if (maxLength === 0 || rows.length <= maxLength) return { kept: rows, piece: 0 };
  if (direction !== 'left') {
    const end = ends.find((at, i) => made[i] === true && at >= maxLength);
    return { kept: rows.slice(0, end), piece: 0 };
  }
  const starts = [0, ...ends.slice(0, -1)];
  const piece = starts.findLastIndex((start, i) => made[i] === true && rows.length - start >= maxLength);
  return { kept: rows.slice(starts[piece] ?? 0), piece: Math.max(piece, 0) };
}

import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { DataError } from '@tessera-llm/data';

/** Pieces of a file are about this long, in UTF-16 units. */
const pieceUnits = 1 << 20;
/** A piece without a place to cut it is cut anywhere at this length. */
const longestPiece = 1 << 22;
/** Places where no pre-tokenizer of this command joins what is before and behind, the best first. */
const seams = [/[A-Za-z](?= [A-Za-z])/g, /\S\n(?=\S)/g];

/** What is one text: a whole file, handed over in pieces, or each of its lines without its end. */
export type TextUnit = 'file' | 'line';

/** UTF-8 files as texts of bounded size: no file is ever whole in memory. */
export class TextSource {
  bytesRead = 0;
  bytesTotal = 0;

  constructor(private readonly files: readonly string[]) {}

  /** Looks at every file before any work is done. @throws DataError `missing_file`, `read_failed`, `empty_text` */
  async check(): Promise<void> {
    for (const file of this.files) {
      const { size } = await reading(file, () => stat(file));
      if (size === 0)
        throw new DataError('empty_text', `[tokenizer train] expected a text, got an empty file: ${file}`);
      this.bytesTotal += size;
    }
  }

  /** @throws DataError `invalid_text` for bytes that are not UTF-8 (a silent replacement character would be learned) */
  async *texts(unit: TextUnit): AsyncGenerator<string, void, undefined> {
    const cut = unit === 'line' ? cutLines : cutPieces;
    for (const file of this.files) {
      let rest = '';
      for await (const text of this.decoded(file)) {
        rest += text;
        if (unit === 'file' && rest.length < pieceUnits) continue;
        const [pieces, left] = cut(rest);
        yield* pieces;
        rest = left;
      }
      if (rest !== '') yield rest;
    }
  }

  private async *decoded(file: string): AsyncGenerator<string, void, undefined> {
    const decoder = new TextDecoder('utf-8', { fatal: true });
    const decode = (bytes?: Uint8Array) => {
      try {
        return bytes === undefined ? decoder.decode() : decoder.decode(bytes, { stream: true });
      } catch (cause) {
        throw new DataError('invalid_text', `[tokenizer train] expected UTF-8, got other bytes in ${file}`, { cause });
      }
    };
    const stream: AsyncIterable<Uint8Array> = createReadStream(file, { highWaterMark: 1 << 18 });
    const chunks = stream[Symbol.asyncIterator]();
    try {
      for (;;) {
        const { done, value } = await reading(file, () => chunks.next());
        if (done) break;
        this.bytesRead += value.length;
        yield decode(value);
      }
      yield decode();
    } finally {
      await chunks.return?.();
    }
  }
}

async function reading<T>(file: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    const missing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
    throw new DataError(
      missing ? 'missing_file' : 'read_failed',
      `[tokenizer train] ${missing ? 'no such file' : 'cannot read'}: ${file}`,
      { cause },
    );
  }
}

/** Whole lines, and what is left of the last one. */
function cutLines(text: string): [string[], string] {
  const lines = text.split('\n');
  const left = lines.pop() ?? '';
  const whole = lines.map((line) => (line.endsWith('\r') ? line.slice(0, -1) : line)).filter((line) => line !== '');
  if (left.length < longestPiece) return [whole, left];
  // A carriage return may belong to an end of line that is still to come.
  const end = left.endsWith('\r') ? left.length - 1 : left.length;
  return [[...whole, left.slice(0, end)], left.slice(end)];
}

/** The text up to the last good place to cut it, and the rest. */
function cutPieces(text: string): [string[], string] {
  for (const seam of seams) {
    let at = 0;
    // Good places are near the end as a rule.
    for (const from of [text.length - 4096, 0]) {
      if (at > 0) break;
      seam.lastIndex = from;
      for (let m = seam.exec(text); m !== null; m = seam.exec(text)) at = m.index + m[0].length;
    }
    if (at > 0) return [[text.slice(0, at)], text.slice(at)];
  }
  if (text.length < longestPiece) return [[], text];
  const end = (text.charCodeAt(text.length - 1) & 0xfc00) === 0xd800 ? text.length - 1 : text.length;
  return [[text.slice(0, end)], text.slice(end)];
}

import { TokenizerError } from '../errors';
import { bytePiece } from '../models/byte-pieces';
import { checkCharactersMap } from './characters-map';
import { type ProtoField, bytesOf, floatOf, intOf, readMessage } from './protobuf';

/** Kinds of pieces, as SentencePiece and GGUF number them. */
export const pieceType = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const;
export type PieceType = (typeof pieceType)[keyof typeof pieceType];

const modelTypes = ['unigram', 'bpe', 'word', 'char'] as const;

/** A piece of a SentencePiece model; its place is its id. */
export interface SentencePiece {
  readonly piece: string;
  readonly score: number;
  readonly type: PieceType;
}

/** A `NormalizerSpec`: a map of characters and rules for spaces. */
export interface SpaceSpec {
  readonly charactersMap: Uint8Array;
  readonly addDummyPrefix: boolean;
  readonly removeExtraWhitespaces: boolean;
  readonly escapeWhitespaces: boolean;
}

/** What a `.model` file says, as far as encoding and decoding need it. */
export interface SentencePieceModel extends SpaceSpec {
  readonly type: (typeof modelTypes)[number];
  readonly pieces: readonly SentencePiece[];
  readonly byteFallback: boolean;
  readonly treatWhitespaceAsSuffix: boolean;
  /** What unknown pieces decode to. */
  readonly unkSurface: string;
  readonly unkId: number;
  /** -1 for none. */
  readonly bosId: number;
  readonly eosId: number;
  readonly padId: number;
  /** What decoded text is put through; null for nothing. */
  readonly denormalizer: SpaceSpec | null;
}

function failed(place: string, expected: string, got: unknown): TokenizerError {
  return new TokenizerError('invalid_file', `[sentencepiece] ${place}: expected ${expected}, got ${String(got)}`);
}

function textOf(field: ProtoField, place: string): string {
  const bytes = bytesOf(field, place);
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw failed(place, 'UTF-8', `${bytes.length} other bytes`);
  }
}

function isPieceType(value: number): value is PieceType {
  return Number.isInteger(value) && value >= 1 && value <= 6;
}

function readPiece(bytes: Uint8Array, place: string): SentencePiece {
  let piece = '';
  let score = 0;
  let type: PieceType = pieceType.normal;
  for (const field of readMessage(bytes, place)) {
    if (field.number === 1) piece = textOf(field, `${place}.piece`);
    else if (field.number === 2) score = floatOf(field, `${place}.score`);
    else if (field.number === 3) {
      const given = intOf(field, `${place}.type`);
      if (!isPieceType(given)) throw failed(`${place}.type`, 'a number from 1 to 6', given);
      type = given;
    }
  }
  if (piece === '') throw failed(`${place}.piece`, 'a text', 'nothing');
  if (!Number.isFinite(score)) throw failed(`${place}.score`, 'a finite number', score);
  return { piece, score, type };
}

function readSpaceSpec(bytes: Uint8Array, place: string): SpaceSpec {
  const mapPlace = `${place}.precompiled_charsmap`;
  let charactersMap = new Uint8Array(0);
  let [addDummyPrefix, removeExtraWhitespaces, escapeWhitespaces] = [true, true, true];
  for (const field of readMessage(bytes, place)) {
    if (field.number === 2) charactersMap = bytesOf(field, mapPlace).slice();
    else if (field.number === 3) addDummyPrefix = intOf(field, `${place}.add_dummy_prefix`) !== 0;
    else if (field.number === 4) removeExtraWhitespaces = intOf(field, `${place}.remove_extra_whitespaces`) !== 0;
    else if (field.number === 5) escapeWhitespaces = intOf(field, `${place}.escape_whitespaces`) !== 0;
  }
  if (charactersMap.length > 0) checkCharactersMap(charactersMap, mapPlace);
  return { charactersMap, addDummyPrefix, removeExtraWhitespaces, escapeWhitespaces };
}

/** Refuses what SentencePiece does: a second unknown piece, and byte pieces other than the 256 that fallback needs. */
function checkTypes(pieces: readonly SentencePiece[], unkId: number, byteFallback: boolean): void {
  const missing = new Set(Array.from({ length: 256 }, (_, b) => bytePiece(b)));
  pieces.forEach(({ piece, type }, id) => {
    const place = `pieces[${id}]`;
    if (type === pieceType.unknown && id !== unkId)
      throw failed(
        `${place}.type`,
        `one piece of the type unknown, which is pieces[${unkId}]`,
        `another one, ${piece}`,
      );
    if (type !== pieceType.byte) return;
    if (!byteFallback)
      throw failed(`${place}.type`, 'no byte piece, as trainer_spec.byte_fallback is false', `${type} for ${piece}`);
    if (!missing.delete(piece)) throw failed(`${place}.piece`, 'a byte piece from <0x00> to <0xFF>', piece);
  });
  const [absent] = missing;
  if (byteFallback && absent !== undefined)
    throw failed('pieces', 'a byte piece for each byte, as trainer_spec.byte_fallback is true', `none for ${absent}`);
}

/** @throws TokenizerError `invalid_file` naming the field. */
export function readSentencePieceModel(file: Uint8Array): SentencePieceModel {
  const pieces: SentencePiece[] = [];
  const places = new Map<string, number>();
  const trainer = { type: 1, byteFallback: false, suffix: false, bos: '', eos: '', pad: '', surface: ' \u2047 ' };
  let normalizer = readSpaceSpec(new Uint8Array(0), 'normalizer_spec');
  let denormalizer: SpaceSpec | null = null;
  let trained = false;
  for (const part of readMessage(file, 'ModelProto')) {
    const { number } = part;
    if (number === 1) {
      const place = `pieces[${pieces.length}]`;
      const made = readPiece(bytesOf(part, place), place);
      const other = places.get(made.piece);
      if (other !== undefined) throw failed(`${place}.piece`, `another one than that of pieces[${other}]`, made.piece);
      places.set(made.piece, pieces.length);
      pieces.push(made);
    } else if (number === 2) {
      trained = true;
      for (const field of readMessage(bytesOf(part, 'trainer_spec'), 'trainer_spec')) {
        const place = (name: string) => `trainer_spec.${name}`;
        if (field.number === 3) trainer.type = intOf(field, place('model_type'));
        else if (field.number === 24) trainer.suffix = intOf(field, place('treat_whitespace_as_suffix')) !== 0;
        else if (field.number === 35) trainer.byteFallback = intOf(field, place('byte_fallback')) !== 0;
        else if (field.number === 44) trainer.surface = textOf(field, place('unk_surface'));
        else if (field.number === 46) trainer.bos = textOf(field, place('bos_piece'));
        else if (field.number === 47) trainer.eos = textOf(field, place('eos_piece'));
        else if (field.number === 48) trainer.pad = textOf(field, place('pad_piece'));
      }
    } else if (number === 3) {
      normalizer = readSpaceSpec(bytesOf(part, 'normalizer_spec'), 'normalizer_spec');
    } else if (number === 5) {
      const spec = readSpaceSpec(bytesOf(part, 'denormalizer_spec'), 'denormalizer_spec');
      if (spec.charactersMap.length > 0) denormalizer = spec;
    }
  }
  if (pieces.length === 0) throw failed('pieces', 'a SentencePiece model with pieces', 'none');
  if (!trained) throw failed('trainer_spec', 'a SentencePiece model', 'none');
  const type = modelTypes[trainer.type - 1];
  if (type === undefined) throw failed('trainer_spec.model_type', 'a number from 1 to 4', trainer.type);
  // Pieces decide, by their types and texts; the ids in the trainer's settings may be stale.
  const unkId = pieces.findIndex(({ type }) => type === pieceType.unknown);
  if (unkId < 0) throw failed('pieces', 'one of the type unknown', 'none');
  checkTypes(pieces, unkId, trainer.byteFallback);
  const control = (piece: string) => {
    const id = places.get(piece) ?? -1;
    return pieces[id]?.type === pieceType.control ? id : -1;
  };
  return {
    type,
    pieces,
    byteFallback: trainer.byteFallback,
    treatWhitespaceAsSuffix: trainer.suffix,
    unkSurface: trainer.surface,
    unkId,
    bosId: control(trainer.bos || '<s>'),
    eosId: control(trainer.eos || '</s>'),
    padId: control(trainer.pad || '<pad>'),
    ...normalizer,
    denormalizer,
  };
}

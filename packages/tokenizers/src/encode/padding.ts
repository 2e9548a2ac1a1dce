import { Reader, maxId, wrongArgument } from '../config';
import { TokenizerError } from '../errors';
import { checkObject } from '../arguments';
import { type Row, type Rows, addedRow } from './rows';

/** Padding takes memory whatever the text: this much may be asked for, no more. */
const most = 2 ** 20;

/** How the encodings of a batch get the same length. Those that are longer stay as they are. */
export interface PaddingOptions {
  /** Id of padding, below 2^24; default 0. */
  readonly padId?: number;
  /** What `tokens` shows for it; default `[PAD]`. */
  readonly padToken?: string;
  /** What `typeIds` has for it; default 0. */
  readonly padTypeId?: number;
  /** The end at which padding goes; default `right`. */
  readonly direction?: 'left' | 'right';
  /** A fixed length, at most 2^20; default that of the longest of the batch. */
  readonly length?: number | null;
  /** Round the length up to a multiple of this; default no rounding, as for 0. */
  readonly padToMultipleOf?: number | null;
}

/**
 * Pads all windows of a batch. Windows that are longer stay as they are.
 *
 * @throws TokenizerError `invalid_argument` for settings of another type or out of range.
 */
export function padRows(batch: readonly Rows[], options: PaddingOptions): Rows[] {
  checkObject('padding', 'padding', 'an object or null', options);
  const {
    padId = 0,
    padToken = '[PAD]',
    padTypeId = 0,
    direction = 'right',
    length,
    padToMultipleOf: multiple,
  } = options;
  for (const [name, value, largest] of [
    ['padId', padId, maxId],
    ['padTypeId', padTypeId, maxId],
    ['length', length ?? 0, most],
    ['padToMultipleOf', multiple ?? 1, most],
  ] as const) {
    if (!Number.isInteger(value) || value < 0 || value > largest) {
      throw new TokenizerError(
        'invalid_argument',
        `[padding] ${name}: expected a whole number from 0 to ${largest}, got ${value}`,
      );
    }
  }
  if (typeof padToken !== 'string') throw wrongArgument('padding', 'padToken', 'a token', padToken);
  if (direction !== 'left' && direction !== 'right')
    throw wrongArgument('padding', 'direction', "'left' or 'right'", direction);
  let target = length ?? batch.reduce((longest, { rows }) => Math.max(longest, rows.length), 0);
  if (multiple && target % multiple > 0) target += multiple - (target % multiple);
  const pad = (rows: readonly Row[], sequence: number | null): readonly Row[] => {
    if (rows.length >= target) return rows;
    const row = { ...addedRow(padId, padToken, padTypeId, false), sequence };
    const filling = new Array<Row>(target - rows.length).fill(row);
    return direction === 'left' ? [...filling, ...rows] : [...rows, ...filling];
  };
  return batch.map(({ rows, overflowing, paddedAs }) => ({
    rows: pad(rows, paddedAs?.[0] ?? null),
    overflowing: overflowing.map((window, i) => pad(window, paddedAs?.[i + 1] ?? null)),
  }));
}

/** `padding` of a tokenizer.json. */
export function readPadding(value: unknown): PaddingOptions | null {
  if (value == null) return null;
  const c = Reader.of(value, 'padding');
  const strategy = c.get('strategy') ?? 'BatchLongest';
  let length: number | null = null;
  if (strategy !== 'BatchLongest') length = Reader.of(strategy, c.at('strategy')).integer('Fixed');
  const isRounded = (c.get('pad_to_multiple_of') ?? null) !== null;
  return {
    padId: c.integer('pad_id', 0),
    padToken: c.string('pad_token', '[PAD]'),
    padTypeId: c.integer('pad_type_id', 0),
    direction: c.oneOf('direction', ['Right', 'Left'], 'Right') === 'Left' ? 'left' : 'right',
    length,
    padToMultipleOf: isRounded ? c.integer('pad_to_multiple_of') : null,
  };
}

export function paddingToJson(options: PaddingOptions | null): unknown {
  if (options === null) return null;
  return {
    strategy: options.length == null ? 'BatchLongest' : { Fixed: options.length },
    direction: options.direction === 'left' ? 'Left' : 'Right',
    pad_to_multiple_of: options.padToMultipleOf ?? null,
    pad_id: options.padId ?? 0,
    pad_type_id: options.padTypeId ?? 0,
    pad_token: options.padToken ?? '[PAD]',
  };
}

/** A token of an encoding: its id, where it came from, and to what it belongs. */
export interface Row {
  readonly id: number;
  readonly token: string;
  /** [start, end) in the text: UTF-16 units, and code points. */
  start: number;
  end: number;
  startPoint: number;
  endPoint: number;
  /** Which word (piece of the pre-tokenizer, or given word) it is part of; null for what was added. */
  readonly word: number | null;
  readonly typeId: number;
  /** 0 or 1 for the first or second text; null for what was added. */
  readonly sequence: number | null;
  /** Put there by the post-processor or as padding. */
  readonly special: boolean;
  /** False for padding. */
  readonly attended: boolean;
}

/** Tokens of one window, and of the further windows that truncation left over. */
export interface Rows {
  readonly rows: readonly Row[];
  readonly overflowing: readonly (readonly Row[])[];
  /** For each window, the first being `rows`, the text that padding counts as; default null. */
  readonly paddedAs?: readonly (number | null)[];
}

/** A token that was added and came from nowhere in the text. */
export function addedRow(id: number, token: string, typeId: number, attended = true): Row {
  return {
    id,
    token,
    start: 0,
    end: 0,
    startPoint: 0,
    endPoint: 0,
    word: null,
    typeId,
    sequence: null,
    special: true,
    attended,
  };
}

/** One after the other: every window of the first with every window of the second. */
export function joinRows(a: Rows, b: Rows): Rows {
  const overflowing: (readonly Row[])[] = [];
  for (const left of a.overflowing) {
    overflowing.push([...left, ...b.rows]);
    for (const right of b.overflowing) overflowing.push([...left, ...right]);
  }
  for (const right of b.overflowing) overflowing.push([...a.rows, ...right]);
  return { rows: [...a.rows, ...b.rows], overflowing };
}

/** Changes every row of the windows. */
export function mapRows(rows: Rows, change: (row: Row, index: number) => Row): Rows {
  return { rows: rows.rows.map(change), overflowing: rows.overflowing.map((window) => window.map(change)) };
}

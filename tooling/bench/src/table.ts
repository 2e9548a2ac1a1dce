import type { Measured } from './measure';

const columns = [
  ['case', 42],
  ['dtype', 9],
  ['compute', 9],
  ['value', 18],
  ['ceiling', 8],
  ['peer', 34],
  ['its value', 10],
  ['ratio', 6],
  ['peak MB', 8],
  ['its peak', 8],
] as const;

const left = new Set<string>(['case', 'dtype', 'compute', 'peer']);

function line(cells: readonly string[]): string {
  return columns
    .map(([name, width], i) => {
      const cell = cells[i] ?? '';
      return left.has(name) ? cell.padEnd(width) : cell.padStart(width);
    })
    .join('  ')
    .trimEnd();
}

/** The head of an area's table. */
export function tableHead(): string {
  return line(columns.map(([name]) => name));
}

/** Three significant digits, whole numbers above. */
function short(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

const megabytes = (bytes: number | null): string => (bytes === null ? '-' : (bytes / 2 ** 20).toFixed(0));

/** One row of the table. */
export function tableLine({ row, peerPeakBytes }: Measured): string {
  const share = row.ceilingShare === null ? '-' : `${(100 * row.ceilingShare).toFixed(0)} %`;
  return line([
    row.case,
    row.dtype,
    row.compute,
    `${short(row.value)} ${row.unit}`,
    share,
    row.peer ?? '-',
    row.peerValue === null ? '-' : short(row.peerValue),
    row.ratio === null ? '-' : row.ratio.toFixed(2),
    megabytes(row.peakBytes),
    megabytes(peerPeakBytes),
  ]);
}

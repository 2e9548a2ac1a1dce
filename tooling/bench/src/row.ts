/** One line of the result and of the file that --json writes. */
export interface Row {
  readonly area: string;
  readonly case: string;
  readonly dtype: string;
  readonly compute: string;
  readonly unit: string;
  /** Median of our repetitions. */
  readonly value: number;
  /** Part of the ceiling measured in this run; null where none applies. */
  readonly ceilingShare: number | null;
  readonly peer: string | null;
  readonly peerValue: number | null;
  /** value / peerValue; above 1 we are ahead. */
  readonly ratio: number | null;
  /** Most resident memory of our process. */
  readonly peakBytes: number;
}

/** Layers that hold the factors of an adapter, by the adapter's index, in all models of this copy of the package. */
const holders = new Map<number, number>();

/** @internal A layer took an adapter's factors, or let go of them. */
export function countHolders(index: number, change: 1 | -1): void {
  holders.set(index, (holders.get(index) ?? 0) + change);
}

/** @internal False if no model has an adapter of this index. */
export function isApplied(index: number): boolean {
  return (holders.get(index) ?? 0) > 0;
}

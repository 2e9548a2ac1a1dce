/** How often any module got other weights, adapters or another mode. What was recorded of modules before is stale. */
let version = 0;

/** @internal The number of changes so far. */
export function structureVersion(): number {
  return version;
}

/** @internal A module computes with other tensors, or in another way, from now on. Values written in place don't count. */
export function structureChanged(): void {
  version++;
}

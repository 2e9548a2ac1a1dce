import { TensorError } from './errors';
import { state } from './state';
import { type Tensor, isTensor, wantTensor } from './tensor';

/** What a synchronous function may return; a promise is a type error. */
export type NotPromise<T> = T extends PromiseLike<unknown> ? never : T;

function isThenable(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}

/**
 * @internal Throws for the promise of an async function: what it does after its first await would run outside `what`.
 */
export function wantSync(what: string, result: unknown): void {
  if (!isThenable(result)) return;
  // The caller gets this error instead of the promise: how that one ends must not end the process.
  if (result instanceof Promise) result.catch(() => undefined);
  throw new TensorError(
    'async',
    `[${what}] expected a synchronous function, got one that returns a promise; await outside: ` +
      `const y = ${what}(() => …); await y.data()`,
  );
}

/** @internal fn, refused where it turns out to be asynchronous; see `wantSync`. */
export function synchronous<T>(what: string, fn: () => T): () => T {
  return () => {
    const result = fn();
    wantSync(what, result);
    return result;
  };
}

/** Calls `visit` with every tensor inside arrays, plain objects, maps and sets. */
function forEachTensor(value: unknown, visit: (tensor: Tensor) => void, seen = new Set<unknown>()): void {
  if (typeof value !== 'object' || value === null || seen.has(value)) return;
  if (isTensor(value)) return visit(value);
  seen.add(value);
  if (Array.isArray(value) || value instanceof Set) {
    for (const item of value) forEachTensor(item, visit, seen);
  } else if (value instanceof Map) {
    for (const item of value.values()) forEachTensor(item, visit, seen);
  } else {
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype === Object.prototype || prototype === null) {
      for (const item of Object.values(value)) forEachTensor(item, visit, seen);
    }
  }
}

/** @internal Runs fn with a scope of its own and gives what it made beside the result; nothing is freed. */
export function collect<T>(what: string, fn: () => T): { result: T; made: Tensor[] } {
  const made: Tensor[] = [];
  const depth = state.scopes.length;
  state.scopes.push(made);
  let result: T;
  try {
    result = fn();
  } catch (error) {
    state.scopes.length = depth;
    discard(made);
    throw error;
  }
  state.scopes.length = depth;
  try {
    wantSync(what, result);
  } catch (error) {
    discard(made);
    throw error;
  }
  return { result, made };
}

/** @internal Frees what was made by something that failed. */
export function discard(made: readonly Tensor[]): void {
  for (const t of made) if (!t.kept) t.dispose();
}

/** @internal Frees what was made, but for what the result holds, which moves to the enclosing scope. */
export function release(made: readonly Tensor[], result: unknown): void {
  const returned = new Set<Tensor>();
  forEachTensor(result, (t) => returned.add(t));
  const parent = state.scopes[state.scopes.length - 1];
  for (const t of made) {
    if (t.kept) continue;
    if (!returned.has(t)) t.dispose();
    else if (parent !== undefined) parent.push(t);
    else t.storage.watch();
  }
}

/**
 * Runs `fn` and frees every tensor that it made and did not return. Tensors inside returned arrays, plain objects,
 * maps and sets count as returned; so do those that `keep` or `parameter` took out.
 *
 * @param fn A synchronous function.
 * @returns What fn returns.
 * @throws TensorError `async` if fn returns a promise.
 *
 * @example
 * ```ts
 * import { mul, scope, sum, tensor } from '@tessera-llm/tensor';
 * const x = tensor([1, 2, 3]);
 * const energy = scope(() => sum(mul(x, x))); // the product is freed here
 * console.log(await energy.item()); // 14
 * ```
 */
export function scope<T>(fn: () => NotPromise<T>): T {
  const { result, made } = collect('scope', fn);
  release(made, result);
  return result;
}

/**
 * Takes a tensor out of every scope: it lives until `dispose`. Gives the same tensor.
 *
 * @throws TensorError `value` for what is no tensor.
 *
 * @example
 * ```ts
 * import { keep, scope, tensor } from '@tessera-llm/tensor';
 * const cache: { last?: ReturnType<typeof tensor> } = {};
 * scope(() => {
 *   cache.last = keep(tensor([1, 2]));
 * });
 * console.log(cache.last?.disposed); // false
 * ```
 */
export function keep<T extends Tensor>(tensor: T): T {
  wantTensor('keep', tensor);
  tensor.kept = true;
  tensor.storage.watch();
  return tensor;
}

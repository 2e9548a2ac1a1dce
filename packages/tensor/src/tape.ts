import { synchronous } from './scope';
import { state } from './state';
import { type Tensor, viewOf, wantTensor } from './tensor';

/** A gradient that adds itself to a sum of the input's shape and dtype: for one that is zero nearly everywhere. */
export type AddsItself = (sum: Tensor) => void;

/** Gradients of an op's inputs, aligned with them; null where there is none. */
export type Vjp = (gys: readonly Tensor[], needs: readonly boolean[]) => readonly (Tensor | AddsItself | null)[];

/** @internal An op that has run. */
export interface Node {
  readonly name: string;
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  readonly saved: readonly Tensor[];
  readonly versions: readonly number[];
  readonly vjp: Vjp;
  /** Where the op was called, while something listens. */
  readonly labels: readonly string[] | null;
}

/** @internal What one forward pass recorded, in order. */
export interface Tape {
  readonly id: number;
  readonly nodes: Node[];
}

/** @internal True if a gradient can flow to one of these. */
export function isTracked(inputs: readonly Tensor[]): boolean {
  const tape = state.tape;
  if (tape === null) return false;
  for (const x of inputs) if (x.tapeId === tape.id) return true;
  return false;
}

/**
 * @internal Puts an op on the tape, if one records and an input is tracked. `outputs` are tensors of this op alone:
 * what another one has made or reads would take its gradient here. `saved` are the tensors whose values the
 * vector-Jacobian product reads: they stay readable until then, and must not be written in place.
 */
export function record(
  name: string,
  outputs: readonly Tensor[],
  inputs: readonly Tensor[],
  saved: readonly Tensor[],
  vjp: Vjp,
): void {
  const tape = state.tape;
  if (tape === null || !isTracked(inputs)) return;
  for (const s of saved) s.hold();
  for (const y of outputs) y.tapeId = tape.id;
  const versions = saved.map((s) => s.version);
  const labels = state.intercept === null ? null : state.labels.slice();
  tape.nodes.push({ name, inputs, outputs, saved, versions, vjp, labels });
}

/**
 * Runs fn without recording: no gradient flows through what it makes. Less memory too, for nothing is kept for a
 * backward pass.
 *
 * @throws TensorError `async` if fn returns a promise.
 *
 * @example
 * ```ts
 * import { grad, mul, noGrad, sum, tensor } from '@tessera-llm/tensor';
 * const x = tensor([2, 3]);
 * const [g] = grad(() => sum(mul(x, noGrad(() => mul(x, 1)))), [x]);
 * console.log(await g?.data()); // [2, 3], not [4, 6]
 * ```
 */
export function noGrad<T>(fn: () => T extends PromiseLike<unknown> ? never : T): T {
  const { tape } = state;
  state.tape = null;
  try {
    return synchronous('noGrad', fn)();
  } finally {
    state.tape = tape;
  }
}

/**
 * The same values with no history: no gradient flows through. A view.
 *
 * @example
 * ```ts
 * import { detach, grad, mul, sum, tensor } from '@tessera-llm/tensor';
 * const x = tensor([2, 3]);
 * const [g] = grad(() => sum(mul(x, detach(x))), [x]);
 * console.log(await g?.data()); // [2, 3], not [4, 6]
 * ```
 */
export function detach<T extends Tensor>(x: T): Tensor<T['dtype']> {
  wantTensor('detach', x);
  return viewOf(x, x.shape);
}

import { vjp } from './autograd';
import { isTracked, noGrad, record } from './tape';
import { collect, release, synchronous } from './scope';
import { type Tensor, viewOf } from './tensor';

/**
 * Runs fn without keeping its intermediate results and runs it again in the backward pass: less memory for one more
 * forward pass. Random numbers are keyed, not drawn in order, so both passes drop the same elements.
 *
 * @param fn A synchronous function of the inputs giving one tensor.
 * @param inputs Everything that gradients must flow to: activations and parameters that fn uses.
 * @throws TensorError `async` if fn returns a promise, where a gradient flows to the inputs.
 * @see Chen et al. 2016, "Training deep nets with sublinear memory cost".
 *
 * @example
 * ```ts
 * import { checkpoint, exp, grad, sum, tensor } from '@tessera-llm/tensor';
 * const x = tensor([0]);
 * const [g] = grad(() => sum(checkpoint(([h]) => exp(exp(h)), [x])), [x]);
 * console.log(await g?.item()); // e
 * ```
 */
export function checkpoint(fn: (inputs: readonly Tensor[]) => Tensor, inputs: readonly Tensor[]): Tensor {
  if (!isTracked(inputs)) return synchronous('checkpoint', () => fn(inputs))();
  const { result, made } = collect('checkpoint', () => noGrad<Tensor>(() => fn(inputs)));
  // fn may give an input back, or a tensor from elsewhere; the op's output on the tape is its own.
  const y = viewOf(result, result.shape);
  release(made, y);
  record('checkpoint', [y], inputs, inputs, ([gy], needs) => {
    // Fresh views, so that the inner tape's marks do not touch the outer one's.
    const leaves = inputs.map((x) => viewOf(x, x.shape));
    const wanted = leaves.filter((_, i) => needs[i]);
    const { grads } = vjp(() => [fn(leaves)], wanted, [gy as Tensor]);
    let next = 0;
    return needs.map((need) => (need ? (grads[next++] ?? null) : null));
  });
  return y;
}

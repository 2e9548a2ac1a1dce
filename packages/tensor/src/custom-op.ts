import { type Vjp, isTracked, noGrad, record } from './tape';
import { TensorError } from './errors';
import { sameShape, showShape } from './shape';
import { type Tensor, viewOf } from './tensor';

/** A differentiable op written outside this package. */
export interface CustomOp<A> {
  /** Name for messages and profiles. */
  readonly name: string;
  /** Computes the output. Ops inside are not differentiated. `save` keeps tensors for the backward pass. */
  forward(inputs: readonly Tensor[], attrs: A, save: (...tensors: readonly Tensor[]) => void): Tensor;
  /** Gradients of the inputs (null: none) from the output's gradient and what was saved. */
  backward(gy: Tensor, saved: readonly Tensor[], attrs: A): readonly (Tensor | null)[];
}

/**
 * Adds an op with its own gradient from outside: gives a function like the built-in ops, of the inputs and attributes
 * that forward and backward get. `checkGradients` of `@tessera-llm/tensor/testing` tests it.
 *
 * @throws TensorError `autograd` where backward gives another number of gradients than there are inputs, or a shape
 *   that is not the input's.
 *
 * @example
 * ```ts
 * import { customOp, grad, mul, square, sum, tensor } from '@tessera-llm/tensor';
 * const cube = customOp<null>({
 *   name: 'cube',
 *   forward: ([x], _attrs, save) => { save(x); return mul(x, square(x)); },
 *   backward: (gy, [x]) => [mul(gy, mul(square(x), 3))],
 * });
 * const x = tensor([2]);
 * const [g] = grad(() => sum(cube([x], null)), [x]);
 * console.log(await g?.item()); // 12
 * ```
 */
export function customOp<A>(op: CustomOp<A>): (inputs: readonly Tensor[], attrs: A) => Tensor {
  return (inputs, attrs) => {
    const saved: Tensor[] = [];
    const made = noGrad<Tensor>(() => op.forward(inputs, attrs, (...tensors) => saved.push(...tensors)));
    // Forward may give an input back, or a tensor from elsewhere; the op's output on the tape is its own.
    const y = isTracked(inputs) ? viewOf(made, made.shape) : made;
    const vjp: Vjp = ([gy]) => {
      const grads = op.backward(gy as Tensor, saved, attrs);
      if (grads.length !== inputs.length) {
        throw new TensorError(
          'autograd',
          `[${op.name}] expected backward to give ${inputs.length} gradients, got ${grads.length}`,
        );
      }
      grads.forEach((g, i) => {
        const x = inputs[i] as Tensor;
        if (g !== null && !sameShape(g.shape, x.shape)) {
          throw new TensorError(
            'autograd',
            `[${op.name}] expected gradient ${i} of shape ${showShape(x.shape)}, got ${showShape(g.shape)}`,
          );
        }
      });
      return grads;
    };
    record(op.name, [y], inputs, saved, vjp);
    return y;
  };
}

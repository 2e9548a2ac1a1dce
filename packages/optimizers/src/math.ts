import { add, copyInPlace, mul, sub, type Tensor } from '@tessera-llm/tensor';
import { scaledGrad } from './optimizer.js';

/** average = beta * average + (1 - beta) * value, in place. */
export function decayInto(average: Tensor, value: Tensor, beta: number): void {
  copyInPlace(average, add(mul(average, beta), mul(value, 1 - beta)));
}

/** param -= lr * direction, in place. */
export function descend(param: Tensor, direction: Tensor, lr: number): void {
  copyInPlace(param, sub(param, mul(direction, lr)));
}

/** param *= 1 - amount, in place: decoupled weight decay. */
export function shrink(param: Tensor, amount: number): void {
  if (amount !== 0) copyInPlace(param, mul(param, 1 - amount));
}

/** The clipped gradient plus the gradient of weightDecay / 2 * |param|^2: coupled weight decay. */
export function gradWithDecay(
  update: { readonly grad: Tensor; readonly factor: Tensor | null; readonly param: Tensor },
  weightDecay: number,
): Tensor {
  const grad = scaledGrad(update);
  return weightDecay === 0 ? grad : add(grad, mul(update.param, weightDecay));
}

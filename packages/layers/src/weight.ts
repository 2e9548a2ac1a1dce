import {
  type Compute,
  type QuantizedWeight,
  type Tensor,
  isQuantizedWeight,
  linear,
  quantizedLinear,
} from '@tessera-llm/tensor';

/** A matrix that a layer multiplies with or looks rows up in: dense, or quantised, which is constant. */
export type Weight = Tensor | QuantizedWeight;

/**
 * x weightᵀ + bias for either kind: x (…, in), weight (out, in) -> (…, out) float32.
 *
 * @param options.compute Precision of a dense product's inputs; a quantised weight declares its own activations.
 */
export function project(x: Tensor, weight: Weight, options: { bias?: Tensor | null; compute?: Compute } = {}): Tensor {
  const { bias = null } = options;
  return isQuantizedWeight(weight) ? quantizedLinear(x, weight, { bias }) : linear(x, weight, options);
}

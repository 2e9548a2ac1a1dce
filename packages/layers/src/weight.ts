import type { QuantizedWeight, Tensor } from '@tessera-llm/tensor';

/** A matrix that a layer multiplies with or looks rows up in: dense, or quantised, which is constant. */
export type Weight = Tensor | QuantizedWeight;

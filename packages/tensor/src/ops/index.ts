export {
  elu,
  geluErf,
  geluTanh,
  leakyRelu,
  mish,
  quickGelu,
  relu,
  relu2,
  sigmoid,
  silu,
  softplus,
  tanh,
} from './activations';
export { adamwInPlace, type AdamWOptions } from './adamw';
export { argmax, argmin } from './argmax';
export { attention, type AttentionOptions, selfLayout } from './attention';
export { add, div, maximum, minimum, mul, pow, sub } from './binary';
export { cast, clone } from './cast';
export {
  equal,
  greater,
  greaterEqual,
  isFinite,
  isNan,
  less,
  lessEqual,
  logicalAnd,
  logicalNot,
  logicalOr,
  notEqual,
} from './compare';
export { crossEntropy, type CrossEntropyOptions, nllLoss, softCrossEntropy } from './cross-entropy';
export { type DenseAttentionOptions, scaledDotProductAttention } from './dense-attention';
export { embedding, oneHot } from './embedding';
export { type ProductEpilogue, applyEpilogue } from './epilogue';
export { gather, indexAdd, indexSelect, scatter, scatterAdd } from './indexing';
export { addInPlace, copyInPlace, scaleInPlace, sumSquares, writeRowsInPlace } from './inplace';
export { linearCrossEntropy, type LinearCrossEntropyOptions } from './linear-cross-entropy';
export type { Reduction } from './loss-reduction';
export { bceWithLogits, klDiv, l1Loss, mseLoss, smoothL1Loss } from './losses';
export { addLowRank, type LowRankOptions } from './low-rank';
export { type LinearOptions, linear, matmul, type MatmulOptions } from './matmul';
export { moe, type MoeExperts, type MoeOptions, type MoeRouting, routeExperts } from './moe';
export { mean, norm, std, variance } from './moments';
export { groupNorm, layerNorm, rmsNorm } from './norms';
export { type QuantizedLinearOptions, quantizedLinear, quantizedRows } from './quantized';
export { quantizedLinearCrossEntropy, type QuantizedLinearCrossEntropyOptions } from './quantized-loss';
export { all, any, cumsum, max, min, prod, type ReduceOptions, sum } from './reduce';
export { repeat, repeatInterleave } from './repeat';
export { clamp, maskedFill, where } from './select';
export { broadcastTo, concat, flip, pad, permute, roll, stack, transpose } from './shape';
export { chunk, narrow, slice, type SliceRange, split } from './slice';
export { logSoftmax, logSumExp, softmax } from './softmax';
export { argsort, type Selection, sort, topk } from './sort';
export { dropout, type DropoutOptions, gated, rope } from './transformer';
export { tril, triu } from './triangle';
export {
  abs,
  ceil,
  cos,
  erf,
  exp,
  expm1,
  floor,
  log,
  log1p,
  neg,
  reciprocal,
  round,
  rsqrt,
  sign,
  sin,
  sqrt,
  square,
} from './unary';
export { flatten, reshape, squeeze, unsqueeze } from './view';

export {
  attention,
  type AttentionOptions,
  type DenseAttentionOptions,
  scaledDotProductAttention,
  selfLayout,
} from './attention';
export {
  abs,
  add,
  ceil,
  clamp,
  cos,
  div,
  elu,
  equal,
  erf,
  exp,
  expm1,
  floor,
  geluErf,
  geluTanh,
  greater,
  greaterEqual,
  isFinite,
  isNan,
  leakyRelu,
  less,
  lessEqual,
  log,
  log1p,
  logicalAnd,
  logicalNot,
  logicalOr,
  maskedFill,
  maximum,
  minimum,
  mish,
  mul,
  neg,
  notEqual,
  pow,
  quickGelu,
  reciprocal,
  relu,
  relu2,
  round,
  rsqrt,
  sigmoid,
  sign,
  silu,
  sin,
  softplus,
  sqrt,
  square,
  sub,
  tanh,
  where,
} from './elementwise';
export {
  cast,
  clone,
  embedding,
  gather,
  indexAdd,
  indexSelect,
  oneHot,
  scatter,
  scatterAdd,
} from './indexing';
export {
  adamwInPlace,
  type AdamWOptions,
  addInPlace,
  copyInPlace,
  scaleInPlace,
  sumSquares,
  writeRowsInPlace,
} from './inplace';
export {
  bceWithLogits,
  crossEntropy,
  type CrossEntropyOptions,
  klDiv,
  l1Loss,
  linearCrossEntropy,
  type LinearCrossEntropyOptions,
  mseLoss,
  nllLoss,
  smoothL1Loss,
  softCrossEntropy,
} from './losses';
export type { Reduction } from './loss-settings';
export { addLowRank, type LowRankOptions } from './low-rank';
export { type LinearOptions, linear, matmul, type MatmulOptions } from './matmul';
export { type ProductEpilogue, applyEpilogue } from './epilogue';
export { moe, type MoeExperts, type MoeOptions, type MoeRouting, routeExperts } from './moe';
export { mean, norm, std, variance } from './moments';
export { groupNorm, layerNorm, rmsNorm } from './norms';
export { type QuantizedLinearOptions, quantizedLinear, quantizedRows } from './quantized';
export { quantizedLinearCrossEntropy, type QuantizedLinearCrossEntropyOptions } from './quantized-loss';
export {
  all,
  any,
  argmax,
  argmin,
  argsort,
  cumsum,
  max,
  min,
  prod,
  type ReduceOptions,
  type Selection,
  sort,
  sum,
  topk,
} from './reduce';
export {
  broadcastTo,
  concat,
  flip,
  pad,
  permute,
  repeat,
  repeatInterleave,
  roll,
  stack,
  transpose,
  tril,
  triu,
} from './shape';
export { chunk, narrow, slice, type SliceRange, split } from './slice';
export { logSoftmax, logSumExp, softmax } from './softmax';
export { dropout, type DropoutOptions, gated, rope } from './transformer';
export { flatten, reshape, squeeze, unsqueeze } from './view';

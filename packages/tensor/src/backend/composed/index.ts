import type { FusedKernels, PrimitiveKernels, QuantizedKernels } from '../contract';
import { attention, attentionGrad } from './attention';
import {
  crossEntropy,
  crossEntropyGrad,
  linearCrossEntropy,
  linearCrossEntropyBoth,
  linearCrossEntropyGrad,
} from './cross-entropy';
import { lowRank, lowRankGrad } from './low-rank';
import { moe, moeGrad } from './moe';
import { quantizedLinear, quantizedLinearThen, quantizedPack, quantizedRows, quantizedUnpack } from './quantized';
import {
  layerNorm,
  layerNormGrad,
  logSoftmax,
  logSoftmaxGrad,
  logSumExp,
  rmsNorm,
  rmsNormGrad,
  softmax,
  softmaxGrad,
} from './rows';
import { type HostMemory, type Result, type Steps, composed } from './steps';
import { adamwInPlace, dropout, sumSquares } from './training';
import { gated, gatedGrad, linear, linearThen, rope } from './transformer';

export type { HostMemory } from './steps';

/**
 * Every fused and quantised kernel out of primitive ones, for a backend that has not written its own: spread it first,
 * then what the backend does better. What the steps make between is freed before the kernel returns.
 *
 * Each kernel is as row-invariant as the primitives are. Attention holds the (Hq, T, S) scores of one segment at a
 * time.
 *
 * @param memory Brings host arrays (masks, indices) to the backend and frees intermediates: the backend's own
 *   functions.
 *
 * @example
 * ```ts
 * import { composedKernels, defaultBackend } from '@tessera-llm/tensor';
 * const backend = defaultBackend();
 * const fused = composedKernels(backend.kernels, backend);
 * const y = fused.softmax(backend.kernels.fill([2], 'float32', 0));
 * console.log(y.shape); // [2]
 * ```
 */
export function composedKernels(primitives: PrimitiveKernels, memory: HostMemory): FusedKernels & QuantizedKernels {
  const kernel = <A extends readonly unknown[], R extends Result>(fn: (steps: Steps, ...args: A) => R) =>
    composed(primitives, memory, fn);
  return {
    adamwInPlace: kernel(adamwInPlace),
    attention: kernel(attention),
    attentionGrad: kernel(attentionGrad),
    crossEntropy: kernel(crossEntropy),
    crossEntropyGrad: kernel(crossEntropyGrad),
    dropout: kernel(dropout),
    gated: kernel(gated),
    gatedGrad: kernel(gatedGrad),
    layerNorm: kernel(layerNorm),
    layerNormGrad: kernel(layerNormGrad),
    linear: kernel(linear),
    linearThen: kernel(linearThen),
    linearCrossEntropy: kernel(linearCrossEntropy),
    linearCrossEntropyBoth: kernel(linearCrossEntropyBoth),
    linearCrossEntropyGrad: kernel(linearCrossEntropyGrad),
    logSoftmax: kernel(logSoftmax),
    logSoftmaxGrad: kernel(logSoftmaxGrad),
    logSumExp: kernel(logSumExp),
    lowRank: kernel(lowRank),
    lowRankGrad: kernel(lowRankGrad),
    moe: kernel(moe),
    moeGrad: kernel(moeGrad),
    quantizedLinear: kernel(quantizedLinear),
    quantizedLinearThen: kernel(quantizedLinearThen),
    quantizedPack: kernel(quantizedPack),
    quantizedRows: kernel(quantizedRows),
    quantizedUnpack: kernel(quantizedUnpack),
    rmsNorm: kernel(rmsNorm),
    rmsNormGrad: kernel(rmsNormGrad),
    rope: kernel(rope),
    softmax: kernel(softmax),
    softmaxGrad: kernel(softmaxGrad),
    sumSquares: kernel(sumSquares),
  };
}

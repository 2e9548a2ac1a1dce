/** The table of kernels. */
import type { DType } from '../dtype';
import type {
  Activations,
  AdamWAttrs,
  AttentionAttrs,
  BinaryFn,
  CompareFn,
  Compute,
  CrossEntropyAttrs,
  DropoutAttrs,
  Epilogue,
  ExpertArrays,
  GateFn,
  LinearCrossEntropyGrads,
  LinearCrossEntropyWants,
  LowRankArrays,
  LowRankWants,
  MatmulAttrs,
  MoeAttrs,
  MoeWants,
  NDArray,
  QuantizedArray,
  QuantizedSpec,
  RandomKey,
  ReduceFn,
  StepFn,
  UnaryFn,
} from './arguments';

/** Kernels that every backend writes itself. Outputs are new arrays unless the name says in place. */
export interface PrimitiveKernels {
  fill(shape: readonly number[], dtype: DType, value: number): NDArray;
  copy(x: NDArray): NDArray;
  cast(x: NDArray, dtype: DType): NDArray;
  unary(fn: UnaryFn | StepFn, x: NDArray): NDArray;
  /** gy times the derivative of fn at x (y = fn(x) is given). */
  unaryGrad(fn: UnaryFn, x: NDArray, y: NDArray, gy: NDArray): NDArray;
  clamp(x: NDArray, min: number, max: number): NDArray;
  isNan(x: NDArray): NDArray;
  isFinite(x: NDArray): NDArray;
  binary(fn: BinaryFn, a: NDArray, b: NDArray): NDArray;
  compare(fn: CompareFn, a: NDArray, b: NDArray): NDArray;
  where(condition: NDArray, a: NDArray, b: NDArray): NDArray;
  broadcastTo(x: NDArray, shape: readonly number[]): NDArray;
  /**
   * axes are non-negative, ascending; they are removed from the shape. Empty: sum 0, prod 1, max -inf, any false, all
   * true.
   */
  reduce(fn: ReduceFn, x: NDArray, axes: readonly number[]): NDArray;
  /** First index of the largest (smallest) element along the axis; int32; axis removed. */
  argReduce(fn: 'max' | 'min', x: NDArray, axis: number): NDArray;
  cumsum(x: NDArray, axis: number, reverse: boolean): NDArray;
  permute(x: NDArray, axes: readonly number[]): NDArray;
  /** Strided copy: element i of an axis is starts + i * steps; `shape` is the result's; steps may be negative. */
  slice(x: NDArray, starts: readonly number[], steps: readonly number[], shape: readonly number[]): NDArray;
  /** The transpose of slice: a zero array of `shape` with x written at starts + i * steps. */
  sliceScatter(x: NDArray, starts: readonly number[], steps: readonly number[], shape: readonly number[]): NDArray;
  pad(x: NDArray, before: readonly number[], after: readonly number[], value: number): NDArray;
  concat(xs: readonly NDArray[], axis: number): NDArray;
  /** torch.gather: y[..i..] = x[..index[..i..]..] along the axis. index int32 with x's rank. */
  gather(x: NDArray, index: NDArray, axis: number): NDArray;
  /** Zero array of `shape` plus src added at index along the axis, in index order (deterministic). */
  scatterAdd(shape: readonly number[], index: NDArray, src: NDArray, axis: number): NDArray;
  /**
   * Rows along an axis: index is (I) int32. Bounds are checked by the op before the call where host-known, and by the
   * kernel.
   */
  indexSelect(x: NDArray, index: NDArray, axis: number): NDArray;
  /**
   * Adds rows of src, of target's dtype, to those that index names along the axis, in index order (deterministic, same
   * for every thread count). A wrong index leaves target as it was.
   */
  indexAddInPlace(target: NDArray, index: NDArray, src: NDArray, axis: number): void;
  /** Stable sort along the last axis; NaN counts as largest. values and int32 indices. */
  sort(x: NDArray, descending: boolean): { values: NDArray; indices: NDArray };
  /** The k largest of the last axis in descending order, ties to the lower index. */
  topk(x: NDArray, k: number): { values: NDArray; indices: NDArray };
  /**
   * a (…, M, K) x b (…, K, N); with transposeA the stored a is (…, K, M), with transposeB b is (…, N, K).
   * Leading axes broadcast. float32 or bfloat16 operands; result float32 (or `out`). K = 0 gives zeros.
   */
  matmul(a: NDArray, b: NDArray, attrs: MatmulAttrs): NDArray;
  /** Uniform in [0, 1) or standard normal (Box-Muller); element i comes from counter i / 4. float32. */
  random(kind: 'uniform' | 'normal', shape: readonly number[], key: RandomKey): NDArray;
  /** target += source, in place (same shape). */
  addInPlace(target: NDArray, source: NDArray): void;
  /** target *= factor, in place; factor is a () float32 array. */
  scaleInPlace(target: NDArray, factor: NDArray): void;
  /** target = source converted to target's dtype, in place. */
  copyInPlace(target: NDArray, source: NDArray): void;
  /** Rows `rows[i]` of target (R, …) become row i of source (N, …), converted to target's dtype; in place. */
  writeRowsInPlace(target: NDArray, rows: Int32Array, source: NDArray): void;
}

/** Kernels that a backend may leave to the composed defaults. */
export interface FusedKernels {
  /**
   * x (N, K), weight (M, K), bias (M) or null: x weightᵀ + bias (N, M). `across`: the weight is stored as (K, M)
   * instead. May keep a packed form of weight.
   */
  linear(x: NDArray, weight: NDArray, bias: NDArray | null, compute: Compute, across?: boolean): NDArray;
  /** `linear` and what follows it. */
  linearThen(after: Epilogue, ...args: Parameters<FusedKernels['linear']>): NDArray;
  /** Over the last axis; a row of -inf gives zeros (softmax) or -inf (log-softmax). */
  softmax(x: NDArray): NDArray;
  softmaxGrad(y: NDArray, gy: NDArray): NDArray;
  logSoftmax(x: NDArray): NDArray;
  logSoftmaxGrad(y: NDArray, gy: NDArray): NDArray;
  logSumExp(x: NDArray): NDArray;
  /** x (N, C); mean and rstd (N) are kept for the gradient. */
  layerNorm(
    x: NDArray,
    weight: NDArray | null,
    bias: NDArray | null,
    eps: number,
  ): { y: NDArray; mean: NDArray; rstd: NDArray };
  layerNormGrad(
    x: NDArray,
    weight: NDArray | null,
    mean: NDArray,
    rstd: NDArray,
    gy: NDArray,
    wants: { weight: boolean; bias: boolean },
  ): { gx: NDArray; gweight: NDArray | null; gbias: NDArray | null };
  /** y = x * rstd * (offset + weight), x (N, C). */
  rmsNorm(x: NDArray, weight: NDArray | null, eps: number, offset: number): { y: NDArray; rstd: NDArray };
  rmsNormGrad(
    x: NDArray,
    weight: NDArray | null,
    rstd: NDArray,
    gy: NDArray,
    offset: number,
    wantsWeight: boolean,
  ): { gx: NDArray; gweight: NDArray | null };
  /** x (N, H, D); cos and sin (N, R/2) with R <= D; `inverse` rotates back (the gradient). */
  rope(x: NDArray, cos: NDArray, sin: NDArray, interleaved: boolean, inverse: boolean): NDArray;
  gated(fn: GateFn, gate: NDArray, up: NDArray): NDArray;
  gatedGrad(fn: GateFn, gate: NDArray, up: NDArray, gy: NDArray): { ggate: NDArray; gup: NDArray };
  /**
   * q (N, Hq, D), k and v (R, Hkv, D), float32 or bfloat16 -> y (N, Hq, D) float32 and lse (N, Hq). sinks (Hq) or null.
   * No visible key: y 0.
   */
  attention(
    q: NDArray,
    k: NDArray,
    v: NDArray,
    sinks: NDArray | null,
    attrs: AttentionAttrs,
  ): { y: NDArray; lse: NDArray };
  attentionGrad(
    q: NDArray,
    k: NDArray,
    v: NDArray,
    sinks: NDArray | null,
    y: NDArray,
    lse: NDArray,
    gy: NDArray,
    attrs: AttentionAttrs,
  ): { gq: NDArray; gk: NDArray; gv: NDArray; gsinks: NDArray | null };
  /** logits (N, V), targets (N) int32 -> losses (N) and lse (N). */
  crossEntropy(logits: NDArray, targets: NDArray, attrs: CrossEntropyAttrs): { losses: NDArray; lse: NDArray };
  crossEntropyGrad(logits: NDArray, targets: NDArray, lse: NDArray, gy: NDArray, attrs: CrossEntropyAttrs): NDArray;
  /** hidden (N, C), weight (V, C), bias (V) or null: the same losses without ever holding (N, V). */
  linearCrossEntropy(
    hidden: NDArray,
    weight: NDArray,
    bias: NDArray | null,
    targets: NDArray,
    compute: Compute,
    attrs: CrossEntropyAttrs,
  ): { losses: NDArray; lse: NDArray };
  /** The same losses and, from the same logits, the gradients of their sum. */
  linearCrossEntropyBoth(
    hidden: NDArray,
    weight: NDArray,
    bias: NDArray | null,
    targets: NDArray,
    compute: Compute,
    attrs: CrossEntropyAttrs,
    wants: LinearCrossEntropyWants,
  ): LinearCrossEntropyGrads & { losses: NDArray; lse: NDArray };
  linearCrossEntropyGrad(
    hidden: NDArray,
    weight: NDArray,
    bias: NDArray | null,
    targets: NDArray,
    lse: NDArray,
    gy: NDArray,
    compute: Compute,
    attrs: CrossEntropyAttrs,
    wants: LinearCrossEntropyWants,
  ): LinearCrossEntropyGrads;
  /**
   * x (N, C) float32, index (N, K) int32, weights (N, K) float32: row n is the sum of weights[n, j] * expert(index[n,
   * j])(x[n]) over j, in ascending order of the experts; y (N, C). Each row goes through its K experts alone. `inner`
   * (N K, 2F or F) holds rows before the activation, for the gradient; their order is the backend's own.
   */
  moe(
    x: NDArray,
    index: NDArray,
    weights: NDArray,
    experts: ExpertArrays,
    attrs: MoeAttrs,
  ): { y: NDArray; inner: NDArray };
  /** Gradients float32 and of full size: experts without rows get zeros. */
  moeGrad(
    x: NDArray,
    index: NDArray,
    weights: NDArray,
    experts: ExpertArrays,
    inner: NDArray,
    gy: NDArray,
    attrs: MoeAttrs,
    wants: MoeWants,
  ): {
    gx: NDArray | null;
    gweights: NDArray | null;
    ggateUp: NDArray | null;
    ggateUpBias: NDArray | null;
    gdown: NDArray | null;
    gdownBias: NDArray | null;
  };
  /** All float32: y (N, M), x (N, K) -> h = scale x aᵀ (N, R), kept for the gradient, and z = y + h bᵀ (N, M). */
  lowRank(y: NDArray, x: NDArray, factors: LowRankArrays): { z: NDArray; h: NDArray };
  /** From gz (N, M), the gradient of z and of y alike. */
  lowRankGrad(
    x: NDArray,
    factors: LowRankArrays,
    h: NDArray,
    gz: NDArray,
    wants: LowRankWants,
  ): { gx: NDArray | null; ga: NDArray | null; gb: NDArray | null };
  /** Kept elements are scaled by 1 / (1 - p). x (N, C). Its own gradient with the same attrs. */
  dropout(x: NDArray, attrs: DropoutAttrs): NDArray;
  /** param, m, v float32, in place; factor () multiplies grad first (clipping); maxV for AMSGrad. */
  adamwInPlace(
    param: NDArray,
    grad: NDArray,
    m: NDArray,
    v: NDArray,
    maxV: NDArray | null,
    factor: NDArray | null,
    attrs: AdamWAttrs,
  ): void;
  /** Sum of squares over all arrays, () float32. */
  sumSquares(xs: readonly NDArray[]): NDArray;
}

/** Kernels of quantised weights; a backend may leave them to the composed defaults. */
export interface QuantizedKernels {
  /** Rows in the format's file layout, uint8 (M, bytes of a row), into the backend's own layout: uint8 of any shape. */
  quantizedPack(bytes: NDArray, spec: QuantizedSpec): NDArray;
  /** The file layout back, bit for bit: uint8 (M, bytes of a row). */
  quantizedUnpack(weight: QuantizedArray): NDArray;
  /** Dequantised rows: (rows.length, K) float32. Rows are checked by the op. */
  quantizedRows(weight: QuantizedArray, rows: Int32Array): NDArray;
  /** x (N, K) float, weight (M, K), bias (M) or null: x weightᵀ + bias, (N, M) float32. */
  quantizedLinear(x: NDArray, weight: QuantizedArray, bias: NDArray | null, activations: Activations): NDArray;
  /** `quantizedLinear` and what follows it. */
  quantizedLinearThen(after: Epilogue, ...args: Parameters<QuantizedKernels['quantizedLinear']>): NDArray;
}

/** The whole table: total, so a missing kernel fails the type check. */
export interface Kernels extends PrimitiveKernels, FusedKernels, QuantizedKernels {}

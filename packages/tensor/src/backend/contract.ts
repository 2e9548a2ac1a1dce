import type { DType, FloatDType } from '../dtype';

/** Memory owned by a backend; what is inside is the backend's own business. */
export interface Block {
  readonly byteLength: number;
}

/** A dense row-major array inside a block: what kernels take and give. `offset` counts elements. */
export interface NDArray<D extends DType = DType> {
  readonly block: Block;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly dtype: D;
}

/** Elementwise functions of one argument that have a gradient. */
export type UnaryFn =
  | 'abs'
  | 'cos'
  | 'elu'
  | 'erf'
  | 'exp'
  | 'expm1'
  | 'geluErf'
  | 'geluTanh'
  | 'leakyRelu'
  | 'log'
  | 'log1p'
  | 'mish'
  | 'neg'
  | 'quickGelu'
  | 'reciprocal'
  | 'relu'
  | 'relu2'
  | 'rsqrt'
  | 'sigmoid'
  | 'silu'
  | 'sin'
  | 'softplus'
  | 'sqrt'
  | 'square'
  | 'tanh';

/** Elementwise functions of one argument whose gradient is zero everywhere. */
export type StepFn = 'ceil' | 'floor' | 'round' | 'sign';

/** Elementwise functions of two arguments; operands broadcast as in NumPy and share a dtype. */
export type BinaryFn = 'add' | 'div' | 'maximum' | 'minimum' | 'mul' | 'pow' | 'sub';

/** Comparisons; the result is bool. */
export type CompareFn = 'eq' | 'ge' | 'gt' | 'le' | 'lt' | 'ne';

/** Reductions over whole axes; `any` and `all` take and give bool. */
export type ReduceFn = 'all' | 'any' | 'max' | 'min' | 'prod' | 'sum';

/** Activations of a gated feed-forward: `act(gate) * up`. */
export type GateFn = 'geluErf' | 'geluTanh' | 'relu' | 'relu2' | 'sigmoid' | 'silu' | 'identity' | 'quickGelu';

/** Precision of the inputs of a matrix product; accumulation is always float32. */
export type Compute = 'float32' | 'bfloat16';

/**
 * What becomes of a product (N, M), its bias included, before it is stored: `add` values (N, M), `gate` multiplies it by
 * activation(values), `activate` applies the activation to it. Values are float32. The bits are those of `binary`, `gated` or
 * `unary` behind the product.
 */
export type Epilogue =
  | { readonly kind: 'add'; readonly values: NDArray }
  | { readonly kind: 'gate'; readonly values: NDArray; readonly activation: GateFn }
  | { readonly kind: 'activate'; readonly activation: GateFn };

/** Key of a block of random numbers: Philox 4x32-10 with key `seed` (64 bits as two words) and a 64-bit stream. */
export interface RandomKey {
  readonly seed: readonly [lo: number, hi: number];
  readonly stream: readonly [lo: number, hi: number];
}

/**
 * Layout of a ragged attention call. There are B segments; segment b holds the query rows
 * `queryOffsets[b] … queryOffsets[b+1]-1` of q (N, Hq, D). Its first query stands at absolute position
 * `queryStarts[b]` of its document and it sees the keys at positions 0 … keyLengths[b]-1.
 * Key j of segment b is row `pageRows[pageOffsets[b] + floor(j / pageSize)] + j % pageSize` of k and v (R, Hkv, D).
 * Without a cache, k and v are the batch's own rows and each segment has one page. All host arrays.
 */
export interface AttentionLayout {
  readonly queryOffsets: Int32Array; // (B+1)
  readonly queryStarts: Int32Array; // (B)
  readonly keyLengths: Int32Array; // (B)
  readonly pageOffsets: Int32Array; // (B+1)
  readonly pageRows: Int32Array; // (pages), or more: nobody reads past the last offset
  readonly pageSize: number; // multiple of 64, or >= every keyLengths entry
}

/** Settings of attention. Query head h reads key head floor(h * Hkv / Hq). */
export interface AttentionAttrs {
  readonly layout: AttentionLayout;
  /** Keys after the query are masked. */
  readonly causal: boolean;
  /** Only keys j with position - window < j are seen (the query's own key counts); null: all. */
  readonly window: number | null;
  /** `softcap * tanh(score / softcap)` before masking; null: off. */
  readonly softcap: number | null;
  /** Factor of the scores. */
  readonly scale: number;
  /**
   * bfloat16: q, k, v and the softmax weights are rounded to bfloat16 before their products; in the gradients gy, the
   * weights and the products' own gradients too.
   */
  readonly compute: Compute;
}

/** Which gradients of `linearCrossEntropy` are wanted. */
export interface LinearCrossEntropyWants {
  readonly hidden: boolean;
  readonly weight: boolean;
  readonly bias: boolean;
}

/** Gradients of `linearCrossEntropy`, null where they are not wanted: ghidden (N, C), gweight (V, C), gbias (V). */
export type LinearCrossEntropyGrads = {
  readonly ghidden: NDArray | null;
  readonly gweight: NDArray | null;
  readonly gbias: NDArray | null;
};

/** Settings of the cross-entropy kernels. logit' = softcap(scale * logit) / temperature. */
export interface CrossEntropyAttrs {
  /** Rows with this target give loss 0 and gradient 0. */
  readonly ignoreIndex: number;
  readonly labelSmoothing: number;
  readonly scale: number;
  readonly softcap: number | null;
  readonly temperature: number;
}

/** One AdamW step of one tensor; in place. Matches torch.optim.AdamW; `decoupled: false` is torch.optim.Adam's L2. */
export interface AdamWAttrs {
  readonly lr: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly eps: number;
  readonly weightDecay: number;
  readonly decoupled: boolean;
  /** 1 for the first step. */
  readonly step: number;
}

/** Dropout keyed by row: element c of row n is dropped by Philox(seed; stream, rowKeys[n], c). */
export interface DropoutAttrs {
  readonly p: number;
  readonly seed: readonly [lo: number, hi: number];
  /** Hash of (step, module path), 32 bits. */
  readonly stream: number;
  /** Two words per row, (sample, position): (2N). */
  readonly rowKeys: Int32Array;
}

/**
 * Stacked experts of a mixture of E. Gated: gateUp (E, 2F, C), the F gate rows first; else (E, F, C). down (E, C, F). Both
 * float32 or bfloat16; biases float32 (E, 2F or F) and (E, C), or null.
 */
export interface ExpertArrays {
  readonly gateUp: NDArray;
  readonly gateUpBias: NDArray | null;
  readonly down: NDArray;
  readonly downBias: NDArray | null;
}

/** Settings of a mixture's experts: `down(act(gate) * up)`, or `down(act(up))` without gates. */
export interface MoeAttrs {
  readonly activation: GateFn;
  readonly compute: Compute;
}

/** Gradients of a mixture that are wanted. */
export interface MoeWants {
  readonly x: boolean;
  readonly weights: boolean;
  readonly gateUp: boolean;
  readonly gateUpBias: boolean;
  readonly down: boolean;
  readonly downBias: boolean;
}

/** The factors of a low-rank update: a (R, K), b (M, R), float32. */
export interface LowRankArrays {
  readonly a: NDArray;
  readonly b: NDArray;
  readonly scale: number;
}

/** Gradients of a low-rank update that are wanted. */
export interface LowRankWants {
  readonly x: boolean;
  readonly a: boolean;
  readonly b: boolean;
}

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
  /** axes are non-negative, ascending; they are removed from the shape. Empty: sum 0, prod 1, max -inf, any false, all true. */
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
  /** Rows along an axis: index is (I) int32. Bounds are checked by the op before the call where host-known, and by the kernel. */
  indexSelect(x: NDArray, index: NDArray, axis: number): NDArray;
  /**
   * Adds rows of src, of target's dtype, to those that index names along the axis, in index order (deterministic, same for every
   * thread count). A wrong index leaves target as it was.
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

/** Settings of a matrix product. */
export interface MatmulAttrs {
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  readonly compute: Compute;
  readonly out: FloatDType;
}

/** Kernels that a backend may leave to the composed defaults. */
export interface FusedKernels {
  /**
   * x (N, K), weight (M, K), bias (M) or null: x weightᵀ + bias (N, M). `across`: the weight is stored as (K, M) instead.
   * May keep a packed form of weight.
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
  /** q (N, Hq, D), k and v (R, Hkv, D), float32 or bfloat16 -> y (N, Hq, D) float32 and lse (N, Hq). sinks (Hq) or null. No visible key: y 0. */
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
   * x (N, C) float32, index (N, K) int32, weights (N, K) float32: row n is the sum of weights[n, j] * expert(index[n, j])(x[n])
   * over j, in ascending order of the experts; y (N, C). Each row goes through its K experts alone. `inner` (N K, 2F or F)
   * holds rows before the activation, for the gradient; their order is the backend's own.
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

// ---- Quantised weights

/**
 * Layouts of quantised weights: GGUF's blocks as ggml stores them, and int8. A row is its blocks in order; a row of int8 is
 * its ceil(K / groupSize) float32 scales and then its K values, each value times the scale of its group.
 */
export type QuantizedFormat = 'Q4_0' | 'Q4_1' | 'Q4_K' | 'Q6_K' | 'Q8_0' | 'int8';

/**
 * What becomes of x before its product with a quantised weight. float32: nothing, and the weight is the dequantised
 * float32. bfloat16: both are rounded to bfloat16, as in `linear`. int8: each group of 32 values of a row is rounded to
 * s · round(x / s) with s = max |x| / 127 and values from -127 to 127; sums of int8 products are exact, scales float32.
 */
export type Activations = 'bfloat16' | 'float32' | 'int8';

/** What a quantised matrix (M, K) is, wherever its bytes are. */
export interface QuantizedSpec {
  readonly format: QuantizedFormat;
  readonly shape: readonly [rows: number, columns: number];
  /** Values per scale along a row; of int8 a multiple of 32, or at least K. */
  readonly groupSize: number;
}

/** A quantised matrix in a backend's own layout, which `quantizedPack` makes. */
export interface QuantizedArray extends QuantizedSpec {
  readonly block: Block;
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

/** Parts of the numerics contract that a backend keeps; tests and engines read it. */
export interface Guarantees {
  /** A row's result does not depend on the other rows, on chunking or on the cache. */
  readonly rowInvariant: boolean;
  /** The same bits for every thread count. */
  readonly threadInvariant: boolean;
  /** Memory is the process's own: `readSync` exists. */
  readonly syncReads: boolean;
}

/** A memory handle that `postMessage` can carry to another thread of this process. */
export type ShareHandle =
  | { readonly kind: 'native'; readonly handle: bigint; readonly byteLength: number }
  | { readonly kind: 'buffer'; readonly buffer: SharedArrayBuffer };

/** What a plan takes anew each time. */
export interface PlanInputs {
  /** Host arrays that kernels read. */
  readonly arrays: readonly Int32Array[];
  /** When a plan is recorded: the arrays that its kernels read. When it runs: what is copied into these first. */
  readonly tensors: readonly NDArray[];
}

/** Recorded kernels. They work in the plan's own memory, so that each run overwrites what the one before made. */
export interface BackendPlan {
  /** False once memory that the kernels read was freed. */
  readonly usable: boolean;
  /** @throws TensorError `shape` for inputs unlike the recorded ones, `disposed`. Values of host arrays are not checked. */
  run(inputs: PlanInputs): void;
  dispose(): void;
}

/** What `Backend.record` gives: fn's result, and a plan or the reason that there is none. */
export type Recorded<T> =
  | { readonly result: T; readonly plan: BackendPlan; readonly reason: null }
  | { readonly result: T; readonly plan: null; readonly reason: string };

/** What runs tensors. Nothing above `tensor` knows which one does. */
export interface Backend {
  readonly name: string;
  readonly guarantees: Guarantees;
  readonly kernels: Kernels;
  /** Copies raw bytes (little-endian elements) into a new block. */
  upload(bytes: Uint8Array): Block;
  /** A copy of raw bytes of a block. */
  read(block: Block, byteOffset: number, byteLength: number): Promise<Uint8Array>;
  /** As read, where guarantees.syncReads holds; else throws. */
  readSync(block: Block, byteOffset: number, byteLength: number): Uint8Array;
  /** Overwrites raw bytes in place. */
  write(block: Block, byteOffset: number, bytes: Uint8Array): void;
  free(block: Block): void;
  /** Live bytes, and the most there ever were since the last reset. */
  memory(): { liveBytes: number; peakBytes: number; reservedBytes: number };
  resetPeak(): void;
  /** Makes a block's memory reachable from other threads; the block stays valid here. */
  share(block: Block): ShareHandle;
  /** Joins memory shared by another thread; free() releases this thread's reference only. */
  attach(handle: ShareHandle): Block;
  /** Called after an in-place write: packed forms of the block are stale. */
  invalidate(block: Block): void;
  /**
   * Runs fn and records its kernels, for a backend that can run them again without fn. There is no plan where fn does
   * what such a run would miss: takes values from the host other than the inputs' or gives some to it.
   */
  record?<T>(inputs: PlanInputs, fn: () => T): Recorded<T>;
  threads(): number;
  setThreads(count: number): void;
}

/** What kernels take beside arrays, and what arrays are. */
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
 * What becomes of a product (N, M), its bias included, before it is stored: `add` values (N, M), `gate` multiplies it
 * by activation(values), `activate` applies the activation to it. Values are float32. The bits are those of `binary`,
 * `gated` or `unary` behind the product.
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
 * Stacked experts of a mixture of E. Gated: gateUp (E, 2F, C), the F gate rows first; else (E, F, C). down (E, C, F).
 * Both float32 or bfloat16; biases float32 (E, 2F or F) and (E, C), or null.
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

/** Settings of a matrix product. */
export interface MatmulAttrs {
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  readonly compute: Compute;
  readonly out: FloatDType;
}

// ---- Quantised weights

/**
 * Layouts of quantised weights: GGUF's blocks as ggml stores them, and int8. A row is its blocks in order; a row of
 * int8 is its ceil(K / groupSize) float32 scales and then its K values, each value times the scale of its group.
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

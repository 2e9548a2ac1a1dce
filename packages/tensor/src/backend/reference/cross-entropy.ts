import type {
  Compute,
  CrossEntropyAttrs,
  FusedKernels,
  LinearCrossEntropyGrads,
  LinearCrossEntropyWants,
  NDArray,
} from '../contract';
import { checkIndices } from './indices';
import { gemm } from './gemm';
import { operandOf, roundedToBfloat16 } from './matmul';
import { type KernelMemory, floatOutput, floatsOf, intsOf } from './memory';
import { rowSum } from './softmax';

type Family = Pick<
  FusedKernels,
  'crossEntropy' | 'crossEntropyGrad' | 'linearCrossEntropy' | 'linearCrossEntropyBoth' | 'linearCrossEntropyGrad'
>;

// Rows of logits held at a time by the fused losses: (chunk, V).
const chunkRows = 32;

/** logit' = softcap(scale · logit) / temperature, in place; a row of `width`. */
function transform(x: Float32Array, start: number, width: number, attrs: CrossEntropyAttrs): void {
  const { scale, softcap, temperature } = attrs;
  if (scale === 1 && softcap === null && temperature === 1) return;
  for (let i = start; i < start + width; i++) {
    const v = (x[i] as number) * scale;
    x[i] = (softcap === null ? v : softcap * Math.tanh(v / softcap)) / temperature;
  }
}

/** d logit' / d logit from the transformed value. */
function slope(value: number, attrs: CrossEntropyAttrs): number {
  const { scale, softcap, temperature } = attrs;
  if (softcap === null) return scale / temperature;
  const t = (value * temperature) / softcap;
  return (scale * (1 - t * t)) / temperature;
}

function wantTargets(memory: KernelMemory, targets: NDArray, classes: number, ignoreIndex: number): Int32Array {
  const ids = intsOf(memory, targets);
  checkIndices(
    'crossEntropy',
    ids.filter((id) => id !== ignoreIndex),
    classes,
  );
  return ids;
}

/** Loss and log-sum-exp of one transformed row. */
function rowLoss(
  x: Float32Array,
  start: number,
  width: number,
  target: number,
  smoothing: number,
): { loss: number; lse: number } {
  const { largest, sum } = rowSum(x, start, width);
  const lse = sum === 0 ? Number.NEGATIVE_INFINITY : largest + Math.log(sum);
  let loss = (1 - smoothing) * (lse - (x[start + target] as number));
  if (smoothing > 0) {
    let total = 0;
    for (let i = start; i < start + width; i++) total += lse - (x[i] as number);
    loss += (smoothing * total) / width;
  }
  return { loss, lse };
}

/** The transformed row becomes the gradient of its logits, times g. */
function rowGrad(
  x: Float32Array,
  start: number,
  width: number,
  p: { target: number; g: number; attrs: CrossEntropyAttrs },
): void {
  const { target, g, attrs } = p;
  // The forward pass's log-sum-exp is rounded to float32, too coarse for large logits; the sum is made again.
  const { largest, sum } = rowSum(x, start, width);
  const even = attrs.labelSmoothing / width;
  for (let i = 0; i < width; i++) {
    const value = x[start + i] as number;
    const wanted = even + (i === target ? 1 - attrs.labelSmoothing : 0);
    x[start + i] = g * (Math.exp(value - largest) / sum - wanted) * slope(value, attrs);
  }
}

/** Cross-entropy of logits, and of a projection whose logits are made a few rows at a time. */
export function crossEntropyKernels(memory: KernelMemory): Family {
  const plain = (
    n: number,
    weight: Float32Array,
    width: number,
    classes: number,
    x: Float32Array,
    from: number,
    bias: Float32Array | null,
  ): Float32Array => {
    const logits = new Float32Array(n * classes);
    gemm(
      { m: n, n: classes, k: width },
      { values: x, start: from * width, rowStep: width, columnStep: 1 },
      { values: weight, start: 0, rowStep: 1, columnStep: width },
      logits,
      0,
    );
    if (bias !== null)
      for (let i = 0; i < logits.length; i++) logits[i] = (logits[i] as number) + (bias[i % classes] as number);
    return logits;
  };
  const grads = (
    ...args: readonly [
      hidden: NDArray,
      weight: NDArray,
      bias: NDArray | null,
      targets: NDArray,
      gs: Float32Array,
      compute: Compute,
      attrs: CrossEntropyAttrs,
      wants: LinearCrossEntropyWants,
    ]
  ): LinearCrossEntropyGrads => {
    const [hidden, weight, bias, targets, gs, compute, attrs, wants] = args;
    const [rows, width] = hidden.shape as [number, number];
    const classes = weight.shape[0] as number;
    const [x, w, b] = [
      operandOf(memory, hidden, compute),
      operandOf(memory, weight, compute),
      bias && floatsOf(memory, bias),
    ];
    const ids = intsOf(memory, targets);
    const wanted = (want: boolean, shape: readonly number[]) => (want ? floatOutput(memory, shape, 'float32') : null);
    const ghidden = wanted(wants.hidden, hidden.shape);
    const gweight = wanted(wants.weight, weight.shape);
    const gbias = wanted(wants.bias, [classes]);
    gweight?.values.fill(0);
    gbias?.values.fill(0);
    for (let from = 0; from < rows; from += chunkRows) {
      const n = Math.min(chunkRows, rows - from);
      let slopes = plain(n, w, width, classes, x, from, b);
      for (let r = 0; r < n; r++) {
        const at = r * classes;
        const target = ids[from + r] as number;
        if (target === attrs.ignoreIndex) {
          slopes.fill(0, at, at + classes);
          continue;
        }
        transform(slopes, at, classes, attrs);
        rowGrad(slopes, at, classes, { target, g: gs[from + r] as number, attrs });
      }
      if (gbias !== null) {
        const sums = gbias.values;
        for (let i = 0; i < slopes.length; i++)
          sums[i % classes] = (sums[i % classes] as number) + (slopes[i] as number);
      }
      if (compute === 'bfloat16') slopes = roundedToBfloat16(slopes);
      const g = { values: slopes, start: 0, rowStep: classes, columnStep: 1 };
      if (ghidden !== null) {
        gemm(
          { m: n, n: width, k: classes },
          g,
          { values: w, start: 0, rowStep: width, columnStep: 1 },
          ghidden.values,
          from * width,
        );
      }
      if (gweight !== null) {
        const transposed = { values: slopes, start: 0, rowStep: 1, columnStep: classes };
        gemm(
          { m: classes, n: width, k: n },
          transposed,
          { values: x, start: from * width, rowStep: width, columnStep: 1 },
          gweight.values,
          0,
          true,
        );
      }
    }
    return {
      ghidden: ghidden?.done() ?? null,
      gweight: gweight?.done() ?? null,
      gbias: gbias?.done() ?? null,
    };
  };
  const kernels: Family = {
    crossEntropy(logits, targets, attrs) {
      const [rows, classes] = logits.shape as [number, number];
      const x = Float32Array.from(floatsOf(memory, logits));
      const ids = wantTargets(memory, targets, classes, attrs.ignoreIndex);
      const losses = floatOutput(memory, [rows], 'float32');
      const lses = floatOutput(memory, [rows], 'float32');
      for (let r = 0; r < rows; r++) {
        transform(x, r * classes, classes, attrs);
        const ignored = ids[r] === attrs.ignoreIndex;
        const { loss, lse } = rowLoss(x, r * classes, classes, ignored ? 0 : (ids[r] as number), attrs.labelSmoothing);
        losses.values[r] = ignored ? 0 : loss;
        lses.values[r] = lse;
      }
      return { losses: losses.done(), lse: lses.done() };
    },
    crossEntropyGrad(logits, targets, _lse, gy, attrs) {
      const [rows, classes] = logits.shape as [number, number];
      const out = floatOutput(memory, logits.shape, logits.dtype);
      out.values.set(floatsOf(memory, logits));
      const [ids, gs] = [intsOf(memory, targets), floatsOf(memory, gy)];
      for (let r = 0; r < rows; r++) {
        const at = r * classes;
        if (ids[r] === attrs.ignoreIndex) {
          out.values.fill(0, at, at + classes);
          continue;
        }
        transform(out.values, at, classes, attrs);
        rowGrad(out.values, at, classes, { target: ids[r] as number, g: gs[r] as number, attrs });
      }
      return out.done();
    },
    linearCrossEntropy(hidden, weight, bias, targets, compute, attrs) {
      const [rows, width] = hidden.shape as [number, number];
      const classes = weight.shape[0] as number;
      const [x, w, b] = [
        operandOf(memory, hidden, compute),
        operandOf(memory, weight, compute),
        bias && floatsOf(memory, bias),
      ];
      const ids = wantTargets(memory, targets, classes, attrs.ignoreIndex);
      const losses = floatOutput(memory, [rows], 'float32');
      const lses = floatOutput(memory, [rows], 'float32');
      for (let from = 0; from < rows; from += chunkRows) {
        const n = Math.min(chunkRows, rows - from);
        const logits = plain(n, w, width, classes, x, from, b);
        for (let r = 0; r < n; r++) {
          transform(logits, r * classes, classes, attrs);
          const target = ids[from + r] as number;
          const ignored = target === attrs.ignoreIndex;
          const { loss, lse } = rowLoss(logits, r * classes, classes, ignored ? 0 : target, attrs.labelSmoothing);
          losses.values[from + r] = ignored ? 0 : loss;
          lses.values[from + r] = lse;
        }
      }
      return { losses: losses.done(), lse: lses.done() };
    },
    linearCrossEntropyBoth(hidden, weight, bias, targets, compute, attrs, wants) {
      const made = kernels.linearCrossEntropy(hidden, weight, bias, targets, compute, attrs);
      const ones = new Float32Array(hidden.shape[0] ?? 0).fill(1);
      return { ...made, ...grads(hidden, weight, bias, targets, ones, compute, attrs, wants) };
    },
    linearCrossEntropyGrad: (hidden, weight, bias, targets, _lse, gy, compute, attrs, wants) =>
      grads(hidden, weight, bias, targets, floatsOf(memory, gy), compute, attrs, wants),
  };
  return kernels;
}

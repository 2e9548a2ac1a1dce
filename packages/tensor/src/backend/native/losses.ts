import { computeCodes, dtypeCodes } from '@tessera-llm/native';
import type { CrossEntropyAttrs, FusedKernels, Kernels, NDArray } from '../contract';
import { allFloat32, type NativeCalls } from './calls';

type Family = Pick<
  FusedKernels,
  | 'softmax'
  | 'softmaxGrad'
  | 'logSoftmax'
  | 'logSoftmaxGrad'
  | 'logSumExp'
  | 'crossEntropy'
  | 'crossEntropyGrad'
  | 'linearCrossEntropy'
  | 'linearCrossEntropyBoth'
  | 'linearCrossEntropyGrad'
>;

/** Places of the loss's settings, last in the argument record. */
const settings = (a: CrossEntropyAttrs): number[] => [
  a.ignoreIndex,
  a.labelSmoothing,
  a.scale,
  a.softcap ?? 0,
  a.temperature,
];

/** Rows and width of an array whose last axis is a row. */
function rowsOf(x: NDArray): [rows: number, width: number] {
  const width = x.shape[x.shape.length - 1] as number;
  return [x.shape.slice(0, -1).reduce((a, b) => a * b, 1), width];
}

/** Softmax and its kin and the cross-entropies by the addon, on float32 (a projection's weight also bfloat16); other dtypes go to `host`. */
export function lossKernels(calls: NativeCalls, host: Kernels): Family {
  const id = {
    softmax: calls.kernel('softmax'),
    softmaxGrad: calls.kernel('softmax_grad'),
    logSoftmax: calls.kernel('log_softmax'),
    logSoftmaxGrad: calls.kernel('log_softmax_grad'),
    logSumExp: calls.kernel('log_sum_exp'),
    crossEntropy: calls.kernel('cross_entropy'),
    crossEntropyGrad: calls.kernel('cross_entropy_grad'),
    linearCrossEntropy: calls.kernel('linear_cross_entropy'),
    linearCrossEntropyBoth: calls.kernel('linear_cross_entropy_both'),
    linearCrossEntropyGrad: calls.kernel('linear_cross_entropy_grad'),
  };
  const at = (x: NDArray | null): number => calls.address(x);
  const float = (shape: readonly number[]): NDArray => calls.memory.allocate(shape, 'float32');
  const forward = (kernel: number, x: NDArray, shape: readonly number[]): NDArray => {
    const y = float(shape);
    calls.call(kernel, [at(x), at(y), ...rowsOf(x)]);
    return y;
  };
  const backward = (kernel: number, y: NDArray, gy: NDArray): NDArray => {
    const gx = float(y.shape);
    calls.call(kernel, [at(y), at(gy), at(gx), ...rowsOf(y)]);
    return gx;
  };

  return {
    softmax: (x) => (allFloat32(x) ? forward(id.softmax, x, x.shape) : host.softmax(x)),
    softmaxGrad: (y, gy) => (allFloat32(y, gy) ? backward(id.softmaxGrad, y, gy) : host.softmaxGrad(y, gy)),
    logSoftmax: (x) => (allFloat32(x) ? forward(id.logSoftmax, x, x.shape) : host.logSoftmax(x)),
    logSoftmaxGrad: (y, gy) => (allFloat32(y, gy) ? backward(id.logSoftmaxGrad, y, gy) : host.logSoftmaxGrad(y, gy)),
    logSumExp: (x) => (allFloat32(x) ? forward(id.logSumExp, x, x.shape.slice(0, -1)) : host.logSumExp(x)),
    crossEntropy(logits, targets, attrs) {
      if (!allFloat32(logits)) return host.crossEntropy(logits, targets, attrs);
      const [rows, classes] = logits.shape as [number, number];
      const [losses, lse] = [float([rows]), float([rows])];
      calls.call(id.crossEntropy, [at(logits), at(targets), at(losses), at(lse), rows, classes, ...settings(attrs)]);
      return { losses, lse };
    },
    crossEntropyGrad(logits, targets, lse, gy, attrs) {
      if (!allFloat32(logits, gy)) return host.crossEntropyGrad(logits, targets, lse, gy, attrs);
      const [rows, classes] = logits.shape as [number, number];
      const out = float(logits.shape);
      calls.call(id.crossEntropyGrad, [at(logits), at(targets), at(gy), at(out), rows, classes, ...settings(attrs)]);
      return out;
    },
    linearCrossEntropy(hidden, weight, bias, targets, compute, attrs) {
      if (!allFloat32(hidden, bias) || weight.dtype === 'float16') {
        return host.linearCrossEntropy(hidden, weight, bias, targets, compute, attrs);
      }
      const [rows, width] = hidden.shape as [number, number];
      const [losses, lse] = [float([rows]), float([rows])];
      const operands = [at(hidden), at(weight), at(bias), at(targets), at(losses), at(lse)];
      const extents = [rows, width, weight.shape[0] as number];
      calls.call(id.linearCrossEntropy, [
        ...operands,
        ...extents,
        computeCodes[compute],
        dtypeCodes[weight.dtype],
        ...settings(attrs),
      ]);
      return { losses, lse };
    },
    linearCrossEntropyBoth(hidden, weight, bias, targets, compute, attrs) {
      if (!allFloat32(hidden, bias) || weight.dtype === 'float16') {
        return host.linearCrossEntropyBoth(hidden, weight, bias, targets, compute, attrs);
      }
      const [rows, width] = hidden.shape as [number, number];
      const [losses, lse, ghidden] = [float([rows]), float([rows]), float(hidden.shape)];
      const operands = [at(hidden), at(weight), at(bias), at(targets), at(losses), at(lse), at(ghidden)];
      const extents = [rows, width, weight.shape[0] as number];
      const kinds = [computeCodes[compute], dtypeCodes[weight.dtype]];
      calls.call(id.linearCrossEntropyBoth, [...operands, ...extents, ...kinds, ...settings(attrs)]);
      return { losses, lse, ghidden };
    },
    linearCrossEntropyGrad(hidden, weight, bias, targets, lse, gy, compute, attrs, wants) {
      if (!allFloat32(hidden, bias, gy) || weight.dtype === 'float16') {
        return host.linearCrossEntropyGrad(hidden, weight, bias, targets, lse, gy, compute, attrs, wants);
      }
      const [rows, width] = hidden.shape as [number, number];
      const classes = weight.shape[0] as number;
      const ghidden = wants.hidden ? float(hidden.shape) : null;
      const gweight = wants.weight ? float(weight.shape) : null;
      const gbias = wants.bias ? float([classes]) : null;
      const operands = [at(hidden), at(weight), at(bias), at(targets), at(gy), at(ghidden), at(gweight), at(gbias)];
      const extents = [rows, width, classes];
      calls.call(id.linearCrossEntropyGrad, [
        ...operands,
        ...extents,
        computeCodes[compute],
        dtypeCodes[weight.dtype],
        ...settings(attrs),
      ]);
      return { ghidden, gweight, gbias };
    },
  };
}

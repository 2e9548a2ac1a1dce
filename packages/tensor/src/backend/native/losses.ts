import { computeCodes, dtypeCodes } from '@tessera-llm/native';
import type {
  Compute,
  CrossEntropyAttrs,
  FusedKernels,
  Kernels,
  LinearCrossEntropyGrads,
  LinearCrossEntropyWants,
  NDArray,
} from '../contract';
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

/**
 * What goes into a pass of `linear_cross_entropy` and what comes out of it; arrays that are absent or null are not
 * wanted.
 */
interface LinearPass extends Partial<LinearCrossEntropyGrads> {
  readonly hidden: NDArray;
  readonly weight: NDArray;
  readonly bias: NDArray | null;
  readonly targets: NDArray;
  readonly compute: Compute;
  readonly attrs: CrossEntropyAttrs;
  readonly losses?: NDArray;
  readonly lse?: NDArray;
  readonly gy?: NDArray;
}

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

/**
 * Softmax and its kin and the cross-entropies by the addon, on float32 (a projection's weight also bfloat16); other
 * dtypes go to `host`.
 */
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
  };
  const at = (x: NDArray | null): number => calls.address(x);
  const float = (shape: readonly number[]): NDArray => calls.memory.allocate(shape, 'float32');
  const forward = (kernel: number, x: NDArray, shape: readonly number[]): NDArray => {
    const y = float(shape);
    calls.call(kernel, [at(x), at(y), ...rowsOf(x)]);
    return y;
  };
  const gradsOf = (hidden: NDArray, weight: NDArray, wants: LinearCrossEntropyWants): LinearCrossEntropyGrads => ({
    ghidden: wants.hidden ? float(hidden.shape) : null,
    gweight: wants.weight ? float(weight.shape) : null,
    gbias: wants.bias ? float([weight.shape[0] as number]) : null,
  });
  const linearPass = (p: LinearPass): void => {
    const { hidden, weight, bias, targets, losses = null, lse = null, gy = null, ghidden = null } = p;
    const results = [at(losses), at(lse), at(gy), at(ghidden), at(p.gweight ?? null), at(p.gbias ?? null)];
    const extents = [...hidden.shape, weight.shape[0] as number];
    const kinds = [computeCodes[p.compute], dtypeCodes[weight.dtype]];
    const operands = [at(hidden), at(weight), at(bias), at(targets), ...results];
    calls.call(id.linearCrossEntropy, [...operands, ...extents, ...kinds, ...settings(p.attrs)]);
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
      const [losses, lse] = [float([hidden.shape[0] as number]), float([hidden.shape[0] as number])];
      linearPass({ hidden, weight, bias, targets, compute, attrs, losses, lse });
      return { losses, lse };
    },
    linearCrossEntropyBoth(hidden, weight, bias, targets, compute, attrs, wants) {
      if (!allFloat32(hidden, bias) || weight.dtype === 'float16') {
        return host.linearCrossEntropyBoth(hidden, weight, bias, targets, compute, attrs, wants);
      }
      const losses = { losses: float([hidden.shape[0] as number]), lse: float([hidden.shape[0] as number]) };
      const grads = gradsOf(hidden, weight, wants);
      linearPass({ hidden, weight, bias, targets, compute, attrs, ...losses, ...grads });
      return { ...losses, ...grads };
    },
    linearCrossEntropyGrad(hidden, weight, bias, targets, lse, gy, compute, attrs, wants) {
      if (!allFloat32(hidden, bias, gy) || weight.dtype === 'float16') {
        return host.linearCrossEntropyGrad(hidden, weight, bias, targets, lse, gy, compute, attrs, wants);
      }
      const grads = gradsOf(hidden, weight, wants);
      linearPass({ hidden, weight, bias, targets, compute, attrs, gy, ...grads });
      return grads;
    },
  };
}

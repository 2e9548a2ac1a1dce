import { dtypeCodes } from '@tessera-llm/native';
import { isFloat } from '../../dtype';
import { broadcastShapes, sameShape, sizeOf } from '../../shape';
import type { GateFn, Kernels, NDArray, UnaryFn } from '../contract';
import { allFloat32, type NativeCalls } from './calls';

/** The addon's codes of activations; see pointwise.cc. */
export const activationCodes: Readonly<Partial<Record<GateFn | UnaryFn, number>>> = {
  identity: 0,
  silu: 1,
  geluTanh: 2,
  geluErf: 3,
  relu: 4,
  relu2: 5,
  sigmoid: 6,
  quickGelu: 7,
  tanh: 8,
  exp: 9,
  abs: 10,
  neg: 11,
  square: 12,
  sqrt: 13,
  reciprocal: 14,
  rsqrt: 15,
};
const binaryCodes: Readonly<Partial<Record<string, number>>> = {
  add: 0,
  sub: 1,
  mul: 2,
  div: 3,
  maximum: 4,
  minimum: 5,
};

/**
 * Length of b where the addon can combine a and b: b has a's shape, one value, or is one row for a's last axes; else
 * null.
 */
function operandLength(a: NDArray, b: NDArray): number | null {
  const lead = a.shape.length - b.shape.length;
  if (lead < 0) return null;
  if (sizeOf(b.shape) === 1) return 1;
  return b.shape.every((n, i) => n === a.shape[lead + i]) ? sizeOf(b.shape) : null;
}

/**
 * Kernels of the addon besides products, attention and losses. Each takes dense float32; anything else goes to `host`,
 * the reference kernels on the same memory. Which of the two runs depends on dtype and attributes; sums, differences,
 * products and quotients of two arrays are rounded once and have the same bits in both, so there the shapes may choose.
 */
export function fusedKernels(calls: NativeCalls, host: Kernels, spread: Kernels['broadcastTo']): Partial<Kernels> {
  const { args, memory } = calls;
  const id = {
    activation: calls.kernel('activation'),
    activationGrad: calls.kernel('activation_grad'),
    adamw: calls.kernel('adamw'),
    addInPlace: calls.kernel('add_in_place'),
    binary: calls.kernel('binary'),
    cast: calls.kernel('cast'),
    dropout: calls.kernel('dropout'),
    gated: calls.kernel('gated'),
    gatedGrad: calls.kernel('gated_grad'),
    layerNorm: calls.kernel('layer_norm'),
    layerNormGrad: calls.kernel('layer_norm_grad'),
    rmsNorm: calls.kernel('rms_norm'),
    rmsNormGrad: calls.kernel('rms_norm_grad'),
    rope: calls.kernel('rope'),
    scaleInPlace: calls.kernel('scale_in_place'),
    sumSquares: calls.kernel('sum_squares'),
    normal: calls.kernel('normal'),
    uniform: calls.kernel('uniform'),
  };
  const at = (x: NDArray | null): number => calls.address(x);
  const float = (shape: readonly number[]): NDArray => memory.allocate(shape, 'float32');
  const call = (kernel: number, values: readonly number[]): void => calls.call(kernel, values);

  const combined = (code: number, a: NDArray, b: NDArray, length: number): NDArray => {
    const y = float(a.shape);
    call(id.binary, [at(a), at(b), at(y), sizeOf(a.shape), code, length]);
    return y;
  };

  return {
    unary(fn, x) {
      const code = activationCodes[fn as UnaryFn];
      if (code === undefined || !allFloat32(x)) return host.unary(fn, x);
      const y = float(x.shape);
      call(id.activation, [at(x), at(y), sizeOf(x.shape), code]);
      return y;
    },
    unaryGrad(fn, x, y, gy) {
      const code = activationCodes[fn];
      if (code === undefined || !allFloat32(x, gy)) return host.unaryGrad(fn, x, y, gy);
      const gx = float(x.shape);
      call(id.activationGrad, [at(x), at(gy), at(gx), sizeOf(x.shape), code]);
      return gx;
    },
    binary(fn, a, b) {
      const code = binaryCodes[fn];
      const length = operandLength(a, b);
      if (code === undefined || !allFloat32(a, b)) return host.binary(fn, a, b);
      if (length !== null) return combined(code, a, b, length);
      // Operands that lie otherwise are spread out first.
      const shape = broadcastShapes('binary', a.shape, b.shape);
      const [p, q] = [a, b].map((x) => (sameShape(x.shape, shape) ? x : spread(x, shape))) as [NDArray, NDArray];
      const y = combined(code, p, q, sizeOf(shape));
      for (const [x, wide] of [
        [a, p],
        [b, q],
      ] as const) {
        if (x !== wide) memory.free(wide.block);
      }
      return y;
    },
    cast(x, dtype) {
      if (!isFloat(x.dtype) || !isFloat(dtype)) return host.cast(x, dtype);
      const y = memory.allocate(x.shape, dtype);
      call(id.cast, [at(x), at(y), sizeOf(x.shape), dtypeCodes[x.dtype], dtypeCodes[dtype]]);
      return y;
    },
    copyInPlace(target, source) {
      if (!isFloat(target.dtype) || !isFloat(source.dtype)) return host.copyInPlace(target, source);
      call(id.cast, [at(source), at(target), sizeOf(target.shape), dtypeCodes[source.dtype], dtypeCodes[target.dtype]]);
    },
    scaleInPlace(target, factor) {
      if (!allFloat32(target, factor)) return host.scaleInPlace(target, factor);
      call(id.scaleInPlace, [at(target), at(factor), sizeOf(target.shape)]);
    },
    random(kind, shape, key) {
      const y = float(shape);
      call(kind === 'uniform' ? id.uniform : id.normal, [at(y), sizeOf(shape), ...key.seed, ...key.stream]);
      return y;
    },
    dropout(x, attrs) {
      if (!allFloat32(x)) return host.dropout(x, attrs);
      const [rows, width] = x.shape as [number, number];
      const y = float(x.shape);
      const [keys] = calls.hostInts(attrs.rowKeys) as [number];
      call(id.dropout, [at(x), at(y), rows, width, attrs.p, ...attrs.seed, attrs.stream, keys]);
      return y;
    },
    addInPlace(target, source) {
      if (!allFloat32(target, source)) return host.addInPlace(target, source);
      call(id.addInPlace, [at(target), at(source), sizeOf(target.shape)]);
    },
    layerNorm(x, weight, bias, eps) {
      if (!allFloat32(x, weight, bias)) return host.layerNorm(x, weight, bias, eps);
      const [rows, width] = x.shape as [number, number];
      const [y, mean, rstd] = [float(x.shape), float([rows]), float([rows])];
      call(id.layerNorm, [at(x), at(weight), at(bias), at(y), at(mean), at(rstd), rows, width, eps]);
      return { y, mean, rstd };
    },
    layerNormGrad(x, weight, mean, rstd, gy, wants) {
      if (!allFloat32(x, weight, gy)) return host.layerNormGrad(x, weight, mean, rstd, gy, wants);
      const [rows, width] = x.shape as [number, number];
      const gx = float(x.shape);
      const gweight = wants.weight ? float([width]) : null;
      const gbias = wants.bias ? float([width]) : null;
      call(id.layerNormGrad, [
        at(x),
        at(weight),
        at(mean),
        at(rstd),
        at(gy),
        at(gx),
        at(gweight),
        at(gbias),
        rows,
        width,
      ]);
      return { gx, gweight, gbias };
    },
    rmsNorm(x, weight, eps, offset) {
      if (!allFloat32(x, weight)) return host.rmsNorm(x, weight, eps, offset);
      const [rows, width] = x.shape as [number, number];
      const [y, rstd] = [float(x.shape), float([rows])];
      call(id.rmsNorm, [at(x), at(weight), at(y), at(rstd), rows, width, eps, offset]);
      return { y, rstd };
    },
    rmsNormGrad(x, weight, rstd, gy, offset, wantsWeight) {
      if (!allFloat32(x, weight, gy)) return host.rmsNormGrad(x, weight, rstd, gy, offset, wantsWeight);
      const [rows, width] = x.shape as [number, number];
      const gx = float(x.shape);
      const gweight = wantsWeight ? float([width]) : null;
      call(id.rmsNormGrad, [at(x), at(weight), at(rstd), at(gy), at(gx), at(gweight), rows, width, offset]);
      return { gx, gweight };
    },
    rope(x, cos, sin, interleaved, inverse) {
      if (!allFloat32(x, cos, sin)) return host.rope(x, cos, sin, interleaved, inverse);
      const [rows, heads, width] = x.shape as [number, number, number];
      const y = float(x.shape);
      const flags = [interleaved ? 1 : 0, inverse ? 1 : 0];
      call(id.rope, [at(x), at(cos), at(sin), at(y), rows, heads, width, cos.shape[1] as number, ...flags]);
      return y;
    },
    gated(fn, gate, up) {
      const code = activationCodes[fn];
      if (code === undefined || !allFloat32(gate, up)) return host.gated(fn, gate, up);
      const y = float(gate.shape);
      call(id.gated, [at(gate), at(up), at(y), sizeOf(gate.shape), code]);
      return y;
    },
    gatedGrad(fn, gate, up, gy) {
      const code = activationCodes[fn];
      if (code === undefined || !allFloat32(gate, up, gy)) return host.gatedGrad(fn, gate, up, gy);
      const [ggate, gup] = [float(gate.shape), float(up.shape)];
      call(id.gatedGrad, [at(gate), at(up), at(gy), at(ggate), at(gup), sizeOf(gate.shape), code]);
      return { ggate, gup };
    },
    adamwInPlace(param, grad, m, v, maxV, factor, attrs) {
      // param, m and v are float32 by contract; a narrow gradient is not.
      if (!allFloat32(grad)) return host.adamwInPlace(param, grad, m, v, maxV, factor, attrs);
      const { lr, beta1, beta2, eps, weightDecay, decoupled, step } = attrs;
      const operands = [at(param), at(grad), at(m), at(v), at(maxV), at(factor)];
      call(id.adamw, [...operands, sizeOf(param.shape), lr, beta1, beta2, eps, weightDecay, decoupled ? 1 : 0, step]);
    },
    sumSquares(xs) {
      if (!allFloat32(...xs)) return host.sumSquares(xs);
      args[2] = 0;
      for (const x of xs) {
        args[0] = at(x);
        args[1] = sizeOf(x.shape);
        calls.ask(id.sumSquares);
      }
      const total = args[2] as number;
      return host.fill([], 'float32', total);
    },
  };
}

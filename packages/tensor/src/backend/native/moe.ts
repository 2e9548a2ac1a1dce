import { computeCodes, dtypeCodes } from '@tessera-llm/native';
import type { ExpertArrays, FusedKernels, MoeAttrs, NDArray } from '../contract';
import type { NativeCalls } from './calls';
import { activationCodes } from './fused';

type Family = Pick<FusedKernels, 'moe' | 'moeGrad'>;

/** The experts of a mixture by the addon. The op gives them float32, and weights that may be bfloat16. */
export function moeKernels(calls: NativeCalls): Family {
  const { memory } = calls;
  const forwardId = calls.kernel('moe');
  const backwardId = calls.kernel('moe_grad');
  const at = (x: NDArray | null): number => calls.address(x);
  const float = (shape: readonly number[]): NDArray => memory.allocate(shape, 'float32');

  /** Places 0 … 17 of the argument record, which both kernels share. */
  function common(
    x: NDArray,
    index: NDArray,
    weights: NDArray,
    e: ExpertArrays,
    inner: NDArray,
    attrs: MoeAttrs,
  ): number[] {
    const [rows, width] = x.shape as [number, number];
    const [experts, , inside] = e.down.shape as [number, number, number];
    return [
      at(x),
      at(index),
      at(weights),
      at(e.gateUp),
      at(e.gateUpBias),
      at(e.down),
      at(e.downBias),
      at(inner),
      rows,
      index.shape[1] as number,
      experts,
      width,
      inside,
      e.gateUp.shape[1] === inside ? 0 : 1,
      activationCodes[attrs.activation] as number,
      dtypeCodes[e.gateUp.dtype],
      dtypeCodes[e.down.dtype],
      computeCodes[attrs.compute],
    ];
  }

  return {
    moe(x, index, weights, experts, attrs) {
      const y = float(x.shape);
      const inner = float([weights.shape.reduce((a, b) => a * b, 1), experts.gateUp.shape[1] as number]);
      calls.call(forwardId, [
        ...common(x, index, weights, experts, inner, attrs),
        at(y),
        memory.packable(experts.gateUp),
        memory.packable(experts.down),
      ]);
      return { y, inner };
    },
    moeGrad(x, index, weights, experts, inner, gy, attrs, wants) {
      const made = (wanted: boolean, like: NDArray | null) => (wanted && like !== null ? float(like.shape) : null);
      const grads = {
        gx: made(wants.x, x),
        gweights: made(wants.weights, weights),
        ggateUp: made(wants.gateUp, experts.gateUp),
        ggateUpBias: made(wants.gateUpBias, experts.gateUpBias),
        gdown: made(wants.down, experts.down),
        gdownBias: made(wants.downBias, experts.downBias),
      };
      const places = Object.values(grads).map(at);
      calls.call(backwardId, [...common(x, index, weights, experts, inner, attrs), at(gy), ...places]);
      return grads;
    },
  };
}

import { dtypeCodes } from '@tessera-llm/native';
import type { AttentionAttrs, FusedKernels, Kernels, NDArray } from '../contract';
import type { NativeCalls } from './calls';
import type { Widened } from './widened';

type Family = Pick<FusedKernels, 'attention' | 'attentionGrad'>;

/** Attention by the addon, of float32 and bfloat16, its gradients of float32; the rest is widened, and gradients cast back. */
export function attentionKernels(calls: NativeCalls, widened: Widened, cast: Kernels['cast']): Family {
  const { args, memory } = calls;
  const forwardId = calls.kernel('attention');
  const backwardId = calls.kernel('attention_grad');
  const at = (x: NDArray | null): number => (x === null ? 0 : memory.address(x));
  const isFloat32 = (x: NDArray) => x.dtype === 'float32';
  /** The kernels take one dtype of k and v. */
  const isTaken = (k: NDArray, v: NDArray, sinks: NDArray | null) => (x: NDArray) =>
    isFloat32(x) || (x.dtype === 'bfloat16' && x !== sinks && (k.dtype === v.dtype || (x !== k && x !== v)));
  /** A gradient in its tensor's dtype. */
  const as = (x: NDArray, g: NDArray): NDArray => {
    if (x.dtype === g.dtype) return g;
    const narrow = cast(g, x.dtype);
    memory.free(g.block);
    return narrow;
  };

  /** Places 0 … 25 of the argument record, which both kernels share. */
  function fill(p: {
    q: NDArray;
    k: NDArray;
    v: NDArray;
    sinks: NDArray | null;
    y: NDArray;
    lse: NDArray;
    attrs: AttentionAttrs;
  }): void {
    const { q, k, v, sinks, y, lse, attrs } = p;
    const { layout } = attrs;
    const [offsets, starts, lengths, pages, rows] = calls.hostInts(
      layout.queryOffsets,
      layout.queryStarts,
      layout.keyLengths,
      layout.pageOffsets,
      layout.pageRows,
    ) as [number, number, number, number, number];
    const values = [
      at(q),
      at(k),
      at(v),
      dtypeCodes[q.dtype],
      dtypeCodes[k.dtype],
      at(sinks),
      at(y),
      at(lse),
      offsets,
      starts,
      lengths,
      pages,
      rows,
      layout.queryStarts.length,
      layout.pageSize,
      q.shape[1] as number,
      k.shape[1] as number,
      q.shape[2] as number,
      attrs.window ?? 0,
      attrs.causal ? 1 : 0,
      attrs.compute === 'bfloat16' ? 1 : 0,
      attrs.scale,
      attrs.softcap ?? 0,
      q.shape[0] as number,
      k.shape[0] as number,
      layout.pageRows.length,
    ];
    for (let i = 0; i < values.length; i++) args[i] = values[i] as number;
  }

  return {
    attention: (...[q, k, v, sinks, attrs]) =>
      widened([q, k, v, sinks], isTaken(k, v, sinks), (taken) => {
        const [q, k, v, sinks] = taken as [NDArray, NDArray, NDArray, NDArray | null];
        const y = memory.allocate(q.shape, 'float32');
        const lse = memory.allocate(q.shape.slice(0, 2), 'float32');
        fill({ q, k, v, sinks, y, lse, attrs });
        calls.run(forwardId, 26);
        return { y, lse };
      }),
    attentionGrad(...[q, k, v, sinks, y, lse, gy, attrs]) {
      const grads = widened([q, k, v, sinks, gy], isFloat32, (taken) => {
        const [q, k, v, sinks, gy] = taken as [NDArray, NDArray, NDArray, NDArray | null, NDArray];
        const [gq, gk, gv] = [q, k, v].map((x) => memory.allocate(x.shape, 'float32')) as [NDArray, NDArray, NDArray];
        const gsinks = sinks === null ? null : memory.allocate(sinks.shape, 'float32');
        fill({ q, k, v, sinks, y, lse, attrs });
        const rest = [at(gy), at(gq), at(gk), at(gv), at(gsinks)];
        rest.forEach((value, i) => {
          args[26 + i] = value;
        });
        calls.run(backwardId, 31);
        return { gq, gk, gv, gsinks };
      });
      return {
        gq: as(q, grads.gq),
        gk: as(k, grads.gk),
        gv: as(v, grads.gv),
        gsinks: sinks !== null && grads.gsinks !== null ? as(sinks, grads.gsinks) : null,
      };
    },
  };
}

import { sizeOf } from '../../shape';
import type { ExpertArrays, FusedKernels, MoeAttrs, NDArray } from '../contract';
import type { Steps } from './steps';
import { gated as gatedForward, gatedGrad } from './transformer';

/** Elements of the experts' weights that are copied out at a time, one copy for each expert of a row. */
const chunkElements = 1 << 24;

/** A stretch of rows, each with its experts in ascending order: P = rows * K places. */
interface Part {
  readonly from: number;
  readonly rows: number;
  readonly places: number;
  /** (P) int32. */
  readonly index: NDArray;
  /** (rows, K, 1). */
  readonly weights: NDArray;
}

/** Runs body over stretches of rows; `order` sorts each row's experts and says where their weights were. */
function eachPart(
  s: Steps,
  index: NDArray,
  weights: NDArray,
  experts: ExpertArrays,
  body: (inner: Steps, part: Part, order: NDArray) => void,
): NDArray {
  const [rows, k] = index.shape as [number, number];
  const sorted = s.kernels.sort(index, false);
  s.own(sorted.values);
  const order = s.own(sorted.indices);
  const ascending = s.own(s.kernels.gather(weights, order, 1));
  const perRow = k * sizeOf(experts.gateUp.shape.slice(1));
  const step = Math.max(1, Math.floor(chunkElements / Math.max(1, perRow)));
  for (let from = 0; from < rows; from += step) {
    s.inner((inner) => {
      const n = Math.min(step, rows - from);
      const part = {
        from,
        rows: n,
        places: n * k,
        index: inner.view(inner.rows(sorted.values, from, n), [n * k]),
        weights: inner.view(inner.rows(ascending, from, n), [n, k, 1]),
      };
      body(inner, part, order);
      return undefined;
    });
  }
  return order;
}

/** Each place's own copy of its expert's part of a table. */
const select = (s: Steps, table: NDArray, part: Part): NDArray => s.own(s.kernels.indexSelect(table, part.index, 0));

/** Rows of x, one for each place, (P, 1, C). */
function repeated(s: Steps, x: NDArray, part: Part): NDArray {
  const width = x.shape[1] as number;
  const rows = s.view(s.rows(x, part.from, part.rows), [part.rows, 1, width]);
  const k = part.weights.shape[1] as number;
  return s.view(s.own(s.kernels.broadcastTo(rows, [part.rows, k, width])), [part.places, 1, width]);
}

/** Gate and up of rows before the activation (without gates, up is 1), and what the activation makes of them. */
function activated(s: Steps, before: NDArray, inside: number, { activation }: MoeAttrs) {
  const gated = before.shape[1] !== inside;
  const gate = gated ? s.lastAxis(before, 0, 1, inside) : before;
  const up = gated ? s.lastAxis(before, inside, 1, inside) : s.fill(before.shape, 1);
  return { gated, gate, up, hidden: gatedForward(s, activation, gate, up) };
}

/** Writes rows of a part in their place in the whole. */
function write(s: Steps, target: NDArray, from: number, rows: NDArray): void {
  s.kernels.copyInPlace(s.rows(target, from, rows.shape[0] as number), rows);
}

/** The experts of a mixture by batched products over copies of each row's own experts. */
export function moe(s: Steps, ...args: Parameters<FusedKernels['moe']>): { y: NDArray; inner: NDArray } {
  const [x, index, weights, experts, attrs] = args;
  const [rows, k] = index.shape as [number, number];
  const width = x.shape[1] as number;
  const inside = experts.down.shape[2] as number;
  const gateRows = experts.gateUp.shape[1] as number;
  const y = s.fill(x.shape, 0);
  const inner = s.fill([rows * k, gateRows], 0);
  eachPart(s, index, weights, experts, (p, part) => {
    let before = p.view(p.matmul(repeated(p, x, part), select(p, experts.gateUp, part), 'b', attrs.compute), [
      part.places,
      gateRows,
    ]);
    if (experts.gateUpBias !== null) before = p.add(before, select(p, experts.gateUpBias, part));
    const hidden = p.view(activated(p, before, inside, attrs).hidden, [part.places, 1, inside]);
    let out = p.view(p.matmul(hidden, select(p, experts.down, part), 'b', attrs.compute), [part.places, width]);
    if (experts.downBias !== null) out = p.add(out, select(p, experts.downBias, part));
    const weighted = p.mul(p.view(out, [part.rows, k, width]), part.weights);
    write(p, y, part.from, p.own(p.kernels.reduce('sum', weighted, [1])));
    write(p, inner, part.from * k, before);
  });
  return { y, inner };
}

export function moeGrad(s: Steps, ...args: Parameters<FusedKernels['moeGrad']>) {
  const [x, index, weights, experts, inner, gy, attrs, wants] = args;
  const k = index.shape[1] as number;
  const width = x.shape[1] as number;
  const [, , inside] = experts.down.shape as [number, number, number];
  const gateRows = experts.gateUp.shape[1] as number;
  const zeros = (wanted: boolean, like: NDArray | null) => (wanted && like !== null ? s.fill(like.shape, 0) : null);
  const gx = zeros(wants.x, x);
  const gsorted = zeros(wants.weights, weights);
  const ggateUp = zeros(wants.gateUp, experts.gateUp);
  const ggateUpBias = zeros(wants.gateUpBias, experts.gateUpBias);
  const gdown = zeros(wants.down, experts.down);
  const gdownBias = zeros(wants.downBias, experts.downBias);
  const order = eachPart(s, index, weights, experts, (p, part) => {
    const n = part.places;
    const before = p.rows(inner, part.from * k, n);
    const { gated, gate, up, hidden } = activated(p, before, inside, attrs);
    const g = repeated(p, gy, part);
    const t = p.view(p.matmul(g, select(p, experts.down, part), 'none', attrs.compute), [n, inside]);
    if (gsorted !== null) {
      let own = p.reduceLast('sum', p.mul(t, hidden));
      if (experts.downBias !== null) {
        own = p.add(own, p.reduceLast('sum', p.mul(p.view(g, [n, width]), select(p, experts.downBias, part))));
      }
      write(p, gsorted, part.from, p.view(own, [part.rows, k]));
    }
    const column = p.view(part.weights, [n, 1]);
    const gs = p.mul(p.view(g, [n, width]), column);
    const grads = gatedGrad(p, attrs.activation, gate, up, p.mul(t, column));
    const ginner = gated ? p.concat([grads.ggate, grads.gup], 1) : grads.ggate;
    const add = (target: NDArray | null, rows: () => NDArray): void => {
      if (target !== null) p.kernels.indexAddInPlace(target, part.index, rows(), 0);
    };
    const outer = (a: NDArray, b: NDArray): NDArray =>
      p.matmul(p.view(a, [n, sizeOf(a.shape) / n, 1]), p.view(b, [n, 1, sizeOf(b.shape) / n]), 'none', attrs.compute);
    add(gdown, () => outer(gs, hidden));
    add(gdownBias, () => gs);
    add(ggateUp, () => outer(ginner, repeated(p, x, part)));
    add(ggateUpBias, () => ginner);
    if (gx === null) return;
    const back = p.matmul(p.view(ginner, [n, 1, gateRows]), select(p, experts.gateUp, part), 'none', attrs.compute);
    write(p, gx, part.from, p.own(p.kernels.reduce('sum', p.view(back, [part.rows, k, width]), [1])));
  });
  const gweights = gsorted && s.own(s.kernels.scatterAdd(weights.shape, order, gsorted, 1));
  return { gx, gweights, ggateUp, ggateUpBias, gdown, gdownBias };
}

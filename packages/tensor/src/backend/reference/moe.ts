import type { ExpertArrays, FusedKernels, GateFn, UnaryFn } from '../contract';
import { type Matrix, gemm } from './gemm';
import { checkIndices } from './indices';
import { type KernelMemory, floatsOf, intsOf } from './memory';
import { addRow, operandOf, roundedToBfloat16 } from './matmul';
import { unaryGradLoops, unaryLoops } from './unary';

type Family = Pick<FusedKernels, 'moe' | 'moeGrad'>;

/** Rows of A, or A transposed, from `start`. */
function matrix(values: Float32Array, start: number, columns: number, transposed = false): Matrix {
  return { values, start, rowStep: transposed ? 1 : columns, columnStep: transposed ? columns : 1 };
}

/** Places n K + j of an (N, K) index by expert, each expert's in their order. */
function groupsOf(index: Int32Array, experts: number): Int32Array[] {
  checkIndices('moe', index, experts);
  const groups: number[][] = Array.from({ length: experts }, () => []);
  index.forEach((e, place) => groups[e]?.push(place));
  return groups.map((places) => Int32Array.from(places));
}

/** The experts of a mixture, one expert after the other over its own rows. */
export function moeKernels(memory: KernelMemory): Family {
  /** Extents, and one expert's activations from its rows before them. */
  function shapes(experts: ExpertArrays, activation: GateFn) {
    const [count, width, inside] = experts.down.shape as [number, number, number];
    const rows = experts.gateUp.shape[1] as number;
    const gated = rows !== inside;
    /** Gate (or the only row) and up, apart. */
    const halves = (inner: Float32Array, from: number, n: number): [Float32Array, Float32Array] => {
      const [gate, up] = [new Float32Array(n * inside), new Float32Array(n * inside).fill(1)];
      for (let i = 0; i < n; i++) {
        const at = (from + i) * rows;
        gate.set(inner.subarray(at, at + inside), i * inside);
        if (gated) up.set(inner.subarray(at + inside, at + rows), i * inside);
      }
      return [gate, up];
    };
    const activate = (gate: Float32Array): Float32Array => {
      if (activation === 'identity') return gate;
      const y = new Float32Array(gate.length);
      unaryLoops[activation satisfies UnaryFn](gate, y, gate.length);
      return y;
    };
    return { count, width, inside, rows, gated, halves, activate };
  }

  /** Rows of a table by place, K places a row. */
  function gathered(table: Float32Array, places: Int32Array, k: number, width: number): Float32Array {
    const out = new Float32Array(places.length * width);
    places.forEach((place, i) => {
      const from = Math.floor(place / k) * width;
      out.set(table.subarray(from, from + width), i * width);
    });
    return out;
  }

  return {
    moe(x, index, weights, experts, attrs) {
      const { count, width, inside, rows, halves, activate } = shapes(experts, attrs.activation);
      const k = index.shape[1] as number;
      const groups = groupsOf(intsOf(memory, index), count);
      const round = (v: Float32Array) => (attrs.compute === 'bfloat16' ? roundedToBfloat16(v) : v);
      const source = round(floatsOf(memory, x));
      const [gateUp, down] = [experts.gateUp, experts.down].map((w) => operandOf(memory, w, attrs.compute));
      const [gateUpBias, downBias] = [experts.gateUpBias, experts.downBias].map((b) => b && floatsOf(memory, b));
      const scale = floatsOf(memory, weights);
      const y = memory.allocate(x.shape, 'float32');
      const inner = memory.allocate([scale.length, rows], 'float32');
      const [sums, before] = [memory.raw(y), memory.raw(inner)];
      sums.fill(0);
      let first = 0;
      groups.forEach((places, e) => {
        const n = places.length;
        const own = matrix(gathered(source, places, k, width), 0, width);
        const weight = matrix(gateUp as Float32Array, e * rows * width, width, true);
        gemm({ m: n, n: rows, k: width }, own, weight, before, first * rows);
        if (gateUpBias) {
          const bias = gateUpBias.subarray(e * rows, (e + 1) * rows);
          addRow(before.subarray(first * rows, (first + n) * rows), bias, n);
        }
        const [gate, up] = halves(before, first, n);
        const hidden = round(activate(gate).map((v, i) => v * (up[i] as number)));
        const out = new Float32Array(n * width);
        const back = matrix(down as Float32Array, e * width * inside, inside, true);
        gemm({ m: n, n: width, k: inside }, matrix(hidden, 0, inside), back, out, 0);
        if (downBias) addRow(out, downBias.subarray(e * width, (e + 1) * width), n);
        places.forEach((place, i) => {
          const to = Math.floor(place / k) * width;
          const w = scale[place] as number;
          for (let c = 0; c < width; c++) sums[to + c] = (sums[to + c] as number) + w * (out[i * width + c] as number);
        });
        first += n;
      });
      return { y, inner };
    },
    moeGrad(x, index, weights, experts, inner, gy, attrs, wants) {
      const { count, width, inside, rows, gated, halves, activate } = shapes(experts, attrs.activation);
      const k = index.shape[1] as number;
      const groups = groupsOf(intsOf(memory, index), count);
      const round = (v: Float32Array) => (attrs.compute === 'bfloat16' ? roundedToBfloat16(v) : v);
      const [source, upstream, scale, before] = [x, gy, weights, inner].map((v) => floatsOf(memory, v)) as [
        Float32Array,
        Float32Array,
        Float32Array,
        Float32Array,
      ];
      const [gateUp, down] = [experts.gateUp, experts.down].map((w) => operandOf(memory, w, attrs.compute)) as [
        Float32Array,
        Float32Array,
      ];
      const downBias = experts.downBias && floatsOf(memory, experts.downBias);
      const made = (wanted: boolean, like: { readonly shape: readonly number[] } | null) => {
        if (!wanted || like === null) return { array: null, values: new Float32Array(0) };
        const array = memory.allocate(like.shape, 'float32');
        const values = memory.raw(array);
        values.fill(0);
        return { array, values };
      };
      const gx = made(wants.x, x);
      const gweights = made(wants.weights, weights);
      const ggateUp = made(wants.gateUp, experts.gateUp);
      const ggateUpBias = made(wants.gateUpBias, experts.gateUpBias);
      const gdown = made(wants.down, experts.down);
      const gdownBias = made(wants.downBias, experts.downBias);
      let first = 0;
      groups.forEach((places, e) => {
        const n = places.length;
        const g = gathered(upstream, places, k, width);
        const [gate, up] = halves(before, first, n);
        first += n;
        const act = activate(gate);
        const hidden = act.map((v, i) => v * (up[i] as number));
        // The gradient of `hidden` before the row's weight.
        const t = new Float32Array(n * inside);
        const downOf = matrix(down, e * width * inside, inside);
        gemm({ m: n, n: inside, k: width }, matrix(round(g), 0, width), downOf, t, 0);
        places.forEach((place, i) => {
          if (gweights.array === null) return;
          let dot = 0;
          for (let f = i * inside; f < (i + 1) * inside; f++) dot += (t[f] as number) * (hidden[f] as number);
          for (let c = 0; downBias && c < width; c++) {
            dot += (g[i * width + c] as number) * (downBias[e * width + c] as number);
          }
          gweights.values[place] = dot;
        });
        const weighted = (v: Float32Array, columns: number) =>
          v.map((value, i) => value * (scale[places[Math.floor(i / columns)] as number] as number));
        const [gs, ts] = [weighted(g, width), weighted(t, inside)];
        const slope = ts.map((v, i) => v * (up[i] as number));
        const ggate = new Float32Array(n * inside);
        if (attrs.activation === 'identity') ggate.set(slope);
        else unaryGradLoops[attrs.activation satisfies UnaryFn](gate, act, slope, ggate, ggate.length);
        const ginner = new Float32Array(n * rows);
        for (let i = 0; i < n; i++) {
          ginner.set(ggate.subarray(i * inside, (i + 1) * inside), i * rows);
          for (let f = 0; gated && f < inside; f++) {
            const at = i * inside + f;
            ginner[i * rows + inside + f] = (ts[at] as number) * (act[at] as number);
          }
        }
        const bias = (to: { array: unknown; values: Float32Array }, from: Float32Array, columns: number): void => {
          if (to.array === null) return;
          for (let c = 0; c < columns; c++) {
            let sum = 0;
            for (let i = 0; i < n; i++) sum += from[i * columns + c] as number;
            to.values[e * columns + c] = sum;
          }
        };
        bias(gdownBias, gs, width);
        bias(ggateUpBias, ginner, rows);
        const [rg, ri] = [round(gs), round(ginner)];
        if (gdown.array !== null) {
          const a = matrix(rg, 0, width, true);
          gemm({ m: width, n: inside, k: n }, a, matrix(round(hidden), 0, inside), gdown.values, e * width * inside);
        }
        if (ggateUp.array !== null) {
          const own = matrix(round(gathered(source, places, k, width)), 0, width);
          gemm({ m: rows, n: width, k: n }, matrix(ri, 0, rows, true), own, ggateUp.values, e * rows * width);
        }
        if (gx.array !== null) {
          const out = new Float32Array(n * width);
          const weight = matrix(gateUp, e * rows * width, width);
          gemm({ m: n, n: width, k: rows }, matrix(ri, 0, rows), weight, out, 0);
          places.forEach((place, i) => {
            const to = Math.floor(place / k) * width;
            for (let c = 0; c < width; c++) {
              gx.values[to + c] = (gx.values[to + c] as number) + (out[i * width + c] as number);
            }
          });
        }
      });
      return {
        gx: gx.array,
        gweights: gweights.array,
        ggateUp: ggateUp.array,
        ggateUpBias: ggateUpBias.array,
        gdown: gdown.array,
        gdownBias: gdownBias.array,
      };
    },
  };
}

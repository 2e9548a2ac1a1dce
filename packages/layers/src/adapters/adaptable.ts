import {
  type ProductEpilogue,
  type Tensor,
  add,
  addLowRank,
  applyEpilogue,
  cast,
  concat,
  div,
  dropout,
  embedding,
  hash32,
  isQuantizedWeight,
  matmul,
  mul,
  narrow,
  noGrad,
  norm,
  reshape,
  scope,
  sub,
} from '@tessera-llm/tensor';
import type { Segments } from '../batch';
import { missingRng, rowKeys } from '../dropout';
import { Module } from '../module';
import { structureChanged } from '../structure';
import type { Weight } from '../weight';
import { countHolders } from './applied';
import type { AdapterSlots, RowGroups } from './slots';

const brand = Symbol.for('tessera.layers.AdaptableLayer');

/** True for layers that can have adapters, also those of another compatible copy of this package. */
export function isAdaptable(module: Module): module is AdaptableLayer {
  return Reflect.get(module, brand) === true;
}

/** What one adapter adds to one layer: s (dropout(x) Aᵀ) Bᵀ. */
export interface LoraFactors {
  /** A (R, in) */
  readonly a: Tensor;
  /** B (out, R) */
  readonly b: Tensor;
  readonly scale: number;
  /** m (out), the lengths of DoRA; null: plain LoRA. */
  readonly magnitude: Tensor | null;
  readonly dropout: number;
  /** Path of the layer; keys its random numbers. */
  readonly path: string;
}

/**
 * A layer y = x Wᵀ (+ b) to which adapters can add their low-rank products, as `Linear` and `Conv1D` are. One of your
 * own gives its product to `adapted`, and the batch whose rows x holds.
 *
 * @example
 * ```ts
 * import { AdaptableLayer, type Segments } from '@tessera-llm/layers';
 * import { type Tensor, linear, parameter, tensor } from '@tessera-llm/tensor';
 * class Plain extends AdaptableLayer {
 *   readonly weight: Tensor = parameter(tensor([[1, 2]]));
 *   readonly bias = null;
 *   readonly weightIsTransposed = false;
 *   forward(x: Tensor, segments?: Segments): Tensor {
 *     return this.adapted(x, (then) => linear(x, this.weight, then), { segments, after: {} });
 *   }
 * }
 * console.log(await new Plain().forward(tensor([[3, 4]])).data()); // [11]
 * ```
 */
export abstract class AdaptableLayer extends Module {
  readonly [brand] = true;
  /** W (out, in), or (in, out) where `weightIsTransposed`. */
  abstract readonly weight: Weight;
  /** b (out) */
  abstract readonly bias: Tensor | null;
  #slots: AdapterSlots | null = null;
  readonly #factors = new Map<number, LoraFactors>();

  /** @internal Takes an adapter's factors, or with null lets go of them. */
  setFactors(slots: AdapterSlots, index: number, factors: LoraFactors | null): void {
    structureChanged();
    if (this.#factors.delete(index)) countHolders(index, -1);
    if (factors !== null) {
      this.#factors.set(index, factors);
      countHolders(index, 1);
    }
    this.#slots = this.#factors.size > 0 ? slots : null;
  }

  /** True where `weight` is (in, out). */
  abstract readonly weightIsTransposed: boolean;

  /** @internal B A in the layout of the weight. */
  factorProduct({ a, b }: LoraFactors): Tensor {
    return this.weightIsTransposed ? matmul(a, b, { transposeA: true, transposeB: true }) : matmul(b, a);
  }

  /**
   * What the batch's adapters make of the layer's own `product` (…, out) for x (…, in), and what follows: behind the
   * adapters if there are any.
   *
   * @throws LayersError `adapter` for an index that no adapter has, for none given beside several adapters, and for
   *   another than the merged one; `value` for an adapter's dropout in training mode without `rng` in the batch.
   */
  protected adapted(x: Tensor, product: (then: ProductEpilogue) => Tensor, { segments, after }: Followed): Tensor {
    if (this.#slots === null) return product(after);
    const found = this.#slots.resolve(segments);
    const y = product({});
    const z =
      typeof found === 'number'
        ? this.#added(x, y, { index: found, segments, order: null })
        : this.#addedByGroup(x, y, found, segments);
    return applyEpilogue(z, after);
  }

  /** @internal W + s B A in the layout of the weight, float32. */
  adaptedWeight(factors: LoraFactors): Tensor {
    const { weight } = this;
    const dense = isQuantizedWeight(weight) ? weight.dequantize() : cast(weight, 'float32');
    return add(dense, mul(this.factorProduct(factors), factors.scale));
  }

  /** @internal What W + s B A is multiplied with for each output: m / ‖w‖, (out). */
  lengthRatio(factors: LoraFactors, magnitude: Tensor): Tensor {
    const inputs = this.weightIsTransposed ? 0 : 1;
    const lengths = noGrad(() => scope(() => norm(this.adaptedWeight(factors), { dims: inputs })));
    return div(magnitude, lengths);
  }

  /** z (N, out) with the lengths of DoRA; the bias has none. */
  #relengthened(z: Tensor, factors: LoraFactors, magnitude: Tensor): Tensor {
    const ratio = this.lengthRatio(factors, magnitude);
    const { bias } = this;
    return bias === null ? mul(z, ratio) : add(mul(sub(z, bias), ratio), bias);
  }

  /** Rows without an adapter pass as they are, so that they keep the bits that they have without any. */
  #addedByGroup(x: Tensor, y: Tensor, { moved, parts }: RowGroups, segments: Segments | undefined): Tensor {
    const sorted = (t: Tensor): Tensor => (moved === null ? t : embedding(t, moved.order));
    const [xs, ys] = [sorted(x), sorted(y)];
    const done = parts.map(({ index, start, length }) => {
      const part = (t: Tensor): Tensor => narrow(t, { dim: 0, start, length });
      const rows = Int32Array.from({ length }, (_, i) => moved?.order[start + i] ?? start + i);
      return this.#added(part(xs), part(ys), { index, segments, order: rows });
    });
    const z = concat(done, { dim: 0 });
    return moved === null ? z : embedding(z, moved.back);
  }

  /** `order`: which rows of the batch these are; null: all. */
  #added(x: Tensor, y: Tensor, { index, segments, order }: AddedRows): Tensor {
    const factors = this.#factors.get(index);
    if (factors === undefined) return y;
    const { a, b, scale } = factors;
    const rows = reshape(x, [-1, a.shape[1] ?? 0]);
    const seen = this.training && factors.dropout > 0 ? dropped(rows, factors, segments, order) : rows;
    const z = addLowRank(reshape(y, [-1, b.shape[0] ?? 0]), seen, { a, b, scale });
    return reshape(factors.magnitude === null ? z : this.#relengthened(z, factors, factors.magnitude), y.shape);
  }
}

interface Followed {
  readonly segments: Segments | undefined;
  readonly after: ProductEpilogue;
}

interface AddedRows {
  readonly index: number;
  readonly segments: Segments | undefined;
  readonly order: Int32Array | null;
}

function dropped(x: Tensor, factors: LoraFactors, segments: Segments | undefined, order: Int32Array | null): Tensor {
  if (segments?.rng === undefined) throw missingRng();
  const all = rowKeys(segments);
  const keys = order === null ? all : new Int32Array(2 * order.length);
  order?.forEach((row, i) => keys.set(all.subarray(2 * row, 2 * row + 2), 2 * i));
  const { seed, step } = segments.rng;
  return dropout(x, {
    p: factors.dropout,
    seed,
    stream: hash32(`${step}/${factors.path}.lora_dropout`),
    rowKeys: keys,
  });
}

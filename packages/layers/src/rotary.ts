import { type Backend, type Tensor, tensor } from '@tessera-llm/tensor';
import type { Segments } from './batch';
import { LayersError, checkCount } from './errors';
import { type RopeParameters, inverseFrequencies } from './rope-scaling';

/** Rotation angles of a forward pass: cos and sin of (N, R/2) float32, already times the attention factor. */
export interface RotaryTables {
  readonly cos: Tensor;
  readonly sin: Tensor;
}

/** Settings of Rotary. */
export interface RotaryOptions {
  /** `rope_parameters` of a config. */
  readonly parameters: RopeParameters;
  /** Width of a head; a partial factor rotates its first part only. */
  readonly headDim: number;
  /** Length that the model was trained for. */
  readonly maxPositionEmbeddings: number;
  /**
   * `'hf'`: scalings that depend on length follow transformers, one length for the whole call, so a row then depends
   * on its batch. Default: each document has the factors of its declared maximum length, from its first token on.
   */
  readonly compat?: 'hf';
}

/**
 * Rotary positions (Su et al. 2021, arXiv:2104.09864): angle of pair i at position p is p * inverseFrequency[i]. Pair i
 * is elements i and i + R/2 of a head.
 *
 * @throws LayersError `value` for parameters that `inverseFrequencies` refuses, and sizes that are no counts.
 *
 * @example
 * ```ts
 * import { Rotary, batchFromSequences } from '@tessera-llm/layers';
 * import { defaultBackend } from '@tessera-llm/tensor';
 * const rotary = new Rotary({
 *   parameters: { rope_type: 'default', rope_theta: 10000 },
 *   headDim: 8,
 *   maxPositionEmbeddings: 64,
 * });
 * const { cos } = rotary.tables(batchFromSequences([[1, 2, 3]]), defaultBackend());
 * console.log(cos.shape); // [3, 4]
 * ```
 */
export class Rotary {
  readonly #options: RotaryOptions;
  /** cos and sin by position and pair, for each length that decides the factors (0: none does); grown by doubling. */
  readonly #tables = new Map<number, HostTable>();

  constructor(options: RotaryOptions) {
    checkCount('Rotary', 'headDim', options.headDim);
    checkCount('Rotary', 'maxPositionEmbeddings', options.maxPositionEmbeddings);
    this.#options = options;
    // Reports bad parameters when the model is made, not at its first token.
    inverseFrequencies(options.parameters, options);
  }

  /** True if the factors change with the length of a document. */
  get dependsOnLength(): boolean {
    const { rope_type } = this.#options.parameters;
    return rope_type === 'dynamic' || rope_type === 'longrope';
  }

  /**
   * The tables of a batch's rows.
   *
   * @throws LayersError `position_out_of_range` where factors depend on length and a position lies beyond its segment's
   *   declared maximum.
   */
  tables(segments: Segments, backend: Backend): RotaryTables {
    const { positions, offsets } = segments;
    const rows = positions.length;
    const lengths = this.dependsOnLength ? this.#lengths(segments) : [];
    let half = 0;
    let cos = new Float32Array(0);
    let sin = new Float32Array(0);
    for (let b = 0; b + 1 < offsets.length; b++) {
      const table = this.#table(lengths[b]);
      if (b === 0) {
        half = table.half;
        cos = new Float32Array(rows * half);
        sin = new Float32Array(rows * half);
      }
      for (let n = offsets[b] ?? 0; n < (offsets[b + 1] ?? 0); n++) {
        table.write(positions[n] ?? 0, cos, sin, n * half);
      }
    }
    const shape = [rows, half];
    return { cos: tensor(cos, { shape, backend }), sin: tensor(sin, { shape, backend }) };
  }

  /** The length that decides each segment's factors. */
  #lengths({ offsets, positions, maxLengths, cache, callLength }: Segments): number[] {
    const count = offsets.length - 1;
    if (this.#options.compat === 'hf') {
      const last = positions.reduce((most, p) => Math.max(most, p), -1);
      return new Array<number>(count).fill(callLength ?? last + 1);
    }
    return Array.from({ length: count }, (_, b) => {
      let end = 0;
      for (let n = offsets[b] ?? 0; n < (offsets[b + 1] ?? 0); n++) {
        end = Math.max(end, (positions[n] ?? 0) + 1);
      }
      const declared = maxLengths?.[b] ?? cache?.store.maxLength(cache.slots[b] ?? -1) ?? end;
      if (end > declared) {
        throw new LayersError(
          'position_out_of_range',
          `[Rotary] expected positions below ${declared}, the declared maximum length of segment ${b}, got ${end - 1}`,
        );
      }
      return declared;
    });
  }

  #table(length = 0): HostTable {
    let table = this.#tables.get(length);
    if (table === undefined) {
      // Under 'hf' every step of a long generation has its own factors: keep the latest few only.
      if (this.#tables.size >= 16) this.#tables.clear();
      const { inverse, attentionFactor } = inverseFrequencies(this.#options.parameters, {
        ...this.#options,
        length,
      });
      table = new HostTable(inverse, attentionFactor);
      this.#tables.set(length, table);
    }
    return table;
  }
}

/** Positions that a table keeps at most; those beyond are rare, and are worked out where they are met. */
const keptPositions = 2 ** 16;

class HostTable {
  readonly half: number;
  cos = new Float32Array(0); // (P, R/2)
  sin = new Float32Array(0);

  constructor(
    readonly inverse: Float32Array,
    readonly factor: number,
  ) {
    this.half = inverse.length;
  }

  /** Puts the row of a position at place `at`. */
  write(position: number, cos: Float32Array, sin: Float32Array, at: number): void {
    if (position >= keptPositions) return this.#turn(position, cos, sin, at);
    const { half } = this;
    this.#grow(position + 1);
    cos.set(this.cos.subarray(position * half, (position + 1) * half), at);
    sin.set(this.sin.subarray(position * half, (position + 1) * half), at);
  }

  #turn(position: number, cos: Float32Array, sin: Float32Array, at: number): void {
    const { inverse, factor } = this;
    // Position and product are rounded to float32 first, as the reference implementations do: far positions agree.
    const p = Math.fround(position);
    for (let i = 0; i < inverse.length; i++) {
      const angle = Math.fround(p * (inverse[i] ?? 0));
      cos[at + i] = Math.cos(angle) * factor;
      sin[at + i] = Math.sin(angle) * factor;
    }
  }

  #grow(count: number): void {
    const { half } = this;
    const have = half === 0 ? count : this.cos.length / half;
    if (count <= have) return;
    const size = Math.min(Math.max(count, 2 * have, 64), keptPositions);
    const cos = new Float32Array(size * half);
    const sin = new Float32Array(size * half);
    cos.set(this.cos);
    sin.set(this.sin);
    for (let p = have; p < size; p++) this.#turn(p, cos, sin, p * half);
    this.cos = cos;
    this.sin = sin;
  }
}

import { join } from 'node:path';
import { type Batch, batchFromPadded } from '@tessera-llm/layers';
import type { Blueprint, Model, Opened } from '@tessera-llm/models';
import { type Tensor, scope } from '@tessera-llm/tensor';
import {
  type HostTensor,
  type Tolerance,
  closeTo,
  dumpJson,
  dumpTensors,
  loadJson,
  loadSafetensors,
  maxAbs,
} from '@tessera-llm/testing';
import { z } from 'zod';

const generation = z.looseObject({ prompt: z.array(z.int()), new_tokens: z.array(z.int()) });

/** The fields of expected.json that are compared. */
export const expectedSchema = z.looseObject({
  loss: z.number(),
  loss_masked: z.number().optional(),
  grad_l2_norm_masked: z.record(z.string(), z.number()).optional(),
  generation: generation.optional(),
  generation_batch_left_padded: z
    .object({
      input_ids: z.array(z.array(z.int())),
      attention_mask: z.array(z.array(z.int())),
      new_tokens: z.array(z.array(z.int())),
    })
    .optional(),
  adamw: z
    .looseObject({
      lr: z.number(),
      betas: z.tuple([z.number(), z.number()]),
      eps: z.number(),
      weight_decay: z.number(),
      losses: z.array(z.number()),
    })
    .optional(),
  suggested_tolerance: z.looseObject({
    logits_atol: z.number(),
    logits_atol_strict: z.number().optional(),
    loss_atol: z.number(),
  }),
});

/** What a case is made of. */
export interface ModelCaseParts {
  readonly backend: string;
  readonly name: string;
  readonly path: string;
  readonly opened: Opened;
  readonly blueprint: Blueprint;
}

/** One folder of fixtures/models on one backend: what is expected, what was computed, how they are compared. */
export class ModelCase {
  readonly backend: string;
  readonly path: string;
  readonly model: Model;
  readonly blueprint: Blueprint;
  readonly expected: z.output<typeof expectedSchema>;
  readonly #name: string;
  readonly #tensors: Readonly<Record<string, HostTensor>>;
  readonly #computed: Record<string, unknown> = {};

  constructor({ backend, name, path, opened, blueprint }: ModelCaseParts) {
    this.backend = backend;
    this.path = path;
    this.#name = name;
    this.model = opened.model;
    this.blueprint = blueprint;
    this.expected = expectedSchema.parse(loadJson(join(path, 'expected.json')));
    this.#tensors = loadSafetensors(join(path, 'expected.safetensors'));
  }

  /** Logits and hidden states: the file's strict tolerance, where it has two. */
  get logitsTolerance(): Tolerance {
    const { logits_atol, logits_atol_strict } = this.expected.suggested_tolerance;
    return { rtol: 0, atol: logits_atol_strict ?? logits_atol };
  }

  /** The README's strict tolerance of losses. */
  readonly lossTolerance: Tolerance = { rtol: 0, atol: 1e-5 };

  /** A tensor of expected.safetensors. */
  want(key: string): HostTensor {
    const tensor = this.#tensors[key];
    if (tensor === undefined) throw new Error(`${this.#name}: expected.safetensors has no ${key}`);
    return tensor;
  }

  has(key: string): boolean {
    return this.#tensors[key] !== undefined;
  }

  keys(): string[] {
    return Object.keys(this.#tensors);
  }

  /** A (B, T) tensor as rows. */
  rows(key: string): number[][] {
    const { shape, data } = this.want(key);
    const width = shape[1] ?? 0;
    return Array.from({ length: shape[0] ?? 0 }, (_, b) => Array.from(data.subarray(b * width, (b + 1) * width)));
  }

  /** The batch of `input_ids`. */
  batch(): Batch {
    return batchFromPadded(this.rows('input_ids')).batch;
  }

  /** Compares a computed tensor with the fixture's of that key, and keeps it for the dump. */
  check(key: string, got: Float32Array, tolerance: Tolerance): void {
    const want = this.want(key);
    this.dump(key, got);
    closeTo(`${this.backend}/${this.#name} ${key}`, got, want.data, tolerance);
  }

  /** max|difference| <= 1e-4 max|tensor| + 1e-6: the README's strict tolerance of gradients. */
  checkGradient(key: string, got: Float32Array): void {
    this.check(key, got, { rtol: 0, atol: 1e-4 * maxAbs(this.want(key).data) + 1e-6 });
  }

  dump(key: string, data: Float32Array | Int32Array): void {
    const { shape, dtype } = this.want(key);
    dumpTensors(this.backend, `models/${this.#name}/expected.safetensors`, { [key]: { shape, dtype, data } });
  }

  /** Keeps a computed value for the dump of expected.json. */
  record(field: string, value: unknown): void {
    this.#computed[field] = value;
  }

  /** Logits of a batch, read to the host. */
  async logits(batch: Batch, model: Model = this.model): Promise<Float32Array> {
    return read(scope(() => model.logits(model.hidden(batch))));
  }

  /** Another model gives bit for bit the logits of this one. */
  async sameLogits(what: string, other: Model): Promise<void> {
    const want = await this.logits(this.batch());
    closeTo(`${this.#name} ${what}`, await this.logits(this.batch(), other), want, { rtol: 0, atol: 0 });
  }

  /** Writes the dump of the JSON values, and frees the model. */
  finish(): void {
    dumpJson(this.backend, `models/${this.#name}/expected.json`, this.#computed);
    this.model.dispose();
  }
}

/** Values of a float32 tensor, which is then freed. */
export async function read(x: Tensor): Promise<Float32Array> {
  try {
    return Float32Array.from(await x.data());
  } finally {
    x.dispose();
  }
}

import type { JsonObject } from '@tessera-llm/formats';
import type { CausalLM, Init } from '@tessera-llm/layers';
import type { Compute } from '@tessera-llm/tensor';
import type { GgufBinding } from './gguf/binding';

/** How a model computes; the same for training and inference. */
export interface ComputeOptions {
  /**
   * Precision of the inputs of matrix products and attention, and of the KV cache; accumulation, norms, softmax and
   * the residual stream are float32 always. Default float32.
   */
  readonly compute?: Compute;
  /**
   * `'hf'`: rotary scalings that depend on length follow transformers, where a row depends on its whole batch. Default:
   * each document's factors follow from its declared maximum length, so a row depends on itself alone.
   */
  readonly compat?: 'hf';
}

/** What an architecture builds a model with. */
export interface BuildOptions extends ComputeOptions {
  /** Makes the weights: `initializer` of `@tessera-llm/layers`, or one that gives loaded ones. */
  readonly init: Init;
}

/** A model and the configuration that it was built from. */
export interface Model extends CausalLM {
  /** The fields of config.json, defaults filled in. */
  readonly config: ModelConfig;
}

/** A configuration: config.json's own names and values, among them those of its architecture. */
export interface ModelConfig {
  readonly model_type: string;
  readonly vocab_size: number;
  readonly [field: string]: unknown;
}

/** A checked configuration of one architecture. */
export interface Blueprint {
  readonly config: ModelConfig;
  /** Makes the model; the weights are the initializer's. */
  build(options: BuildOptions): Model;
  /** Path of the parameter that a checkpoint's tensor fills; null: a constant that the model doesn't need. */
  parameterOf(key: string): string | null;
  /** Path of the parameter that a tensor without one of its own holds again: a tied head; null: none. */
  repeatOf(key: string): string | null;
  /** config.json as saved: what transformers 4 and 5 read. */
  toJson(): JsonObject;
}

/** One architecture: an entry of the registry. */
export interface Architecture {
  /** Checks a config.json of this model_type. @throws ModelsError `invalid_config` */
  blueprint(json: unknown): Blueprint;
  /** True if a checkpoint with these tensor names can be of this architecture. */
  recognizes(keys: ReadonlySet<string>): boolean;
  /** How GGUF files hold it; null: they can't be opened yet. */
  readonly gguf: GgufBinding | null;
}

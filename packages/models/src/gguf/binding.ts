import type { GgufTensorToWrite, GgufValue, JsonObject } from '@tessera-llm/formats';
import type { GgufFields } from './fields';
import type { NameTable } from './names';

/** How GGUF files hold the models of an architecture: what an `Architecture` adds to be read from and written to them. */
export interface GgufBinding {
  /** `general.architecture` of the files. */
  readonly name: string;
  /** config.json for a file. @throws ModelsError `invalid_config`, `unsupported_architecture` */
  configOf(fields: GgufFields): Promise<JsonObject>;
  /** Names of tensors and parameters. */
  readonly names: NameTable;
  /** Tensors that are part of the configuration, not parameters. */
  readonly constants: readonly string[];
  /**
   * Number of heads of a matrix whose rows the file holds with both halves of each head interleaved (its rotary pairs
   * side by side), or null. @param path Path of the parameter.
   */
  interleavedHeads(path: string, config: Readonly<Record<string, unknown>>): number | null;
  /** Metadata and constants of a configuration. @throws ModelsError `unsupported_architecture` for what the format lacks. */
  write(config: Readonly<Record<string, unknown>>): GgufHead;
}

/** What a configuration becomes in a file. */
export interface GgufHead {
  /** Without `general.architecture`. */
  readonly metadata: readonly (readonly [string, GgufValue])[];
  readonly tensors: readonly (readonly [string, GgufTensorToWrite])[];
}

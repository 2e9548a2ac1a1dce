import { type GgufReader, type GgufValue, ggufPlainMetadata, openGguf } from '@tessera-llm/formats';
import { type ChatTemplate, tokenizerFromGguf } from '@tessera-llm/tokenizers';
import type { Blueprint } from './architecture';
import { ModelsError } from './errors';
import type { GgufBinding } from './gguf/binding';
import { chatTemplateOf } from './gguf/chat-template';
import { GgufFields } from './gguf/fields';
import { ggufWeights } from './gguf/source';
import { architectures } from './registry';
import type { Tokenizer } from './tokenizer-files';
import type { WeightSource } from './weight-source';

/** A GGUF file whose configuration is read and checked; `source` owns the file. */
export interface GgufModel {
  readonly blueprint: Blueprint;
  readonly source: WeightSource;
  /** null if the file has none. */
  readonly tokenizer: Tokenizer | null;
  readonly chatTemplate: ChatTemplate | null;
  /** Ids that end a turn or a message, beside the end of the sequence. */
  readonly turnEndIds: readonly number[];
  readonly metadata: ReadonlyMap<string, GgufValue>;
}

/** Opens a GGUF file of a known architecture. @throws ModelsError, FormatsError */
export async function openGgufModel(path: string): Promise<GgufModel> {
  const file = await openGguf(path);
  try {
    const fields = new GgufFields(file);
    const { architecture, binding } = bindingOf(fields);
    const blueprint = architecture.blueprint(await binding.configOf(fields));
    const turnEnds = ['eot', 'eom'].map((end) => fields.number(`tokenizer.ggml.${end}_token_id`));
    return {
      blueprint,
      source: ggufWeights(file, binding, blueprint.config),
      tokenizer: tokenizerOf(file),
      chatTemplate: chatTemplateOf(file),
      metadata: file.metadata,
      turnEndIds: turnEnds.filter((id) => id !== undefined),
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}

function bindingOf(fields: GgufFields) {
  const name = fields.string('general.architecture');
  const known: string[] = [];
  for (const architecture of Object.values(architectures)) {
    const binding = architecture.gguf;
    if (binding === null) continue;
    if (binding.name === name)
      return { architecture, binding } satisfies { architecture: unknown; binding: GgufBinding };
    known.push(binding.name);
  }
  throw new ModelsError(
    'unsupported_architecture',
    `[open] expected general.architecture of ${known.join(', ')}, got ${JSON.stringify(name)} (${fields.file.name})`,
  );
}

function tokenizerOf({ metadata }: GgufReader): Tokenizer | null {
  return metadata.has('tokenizer.ggml.tokens') ? tokenizerFromGguf(ggufPlainMetadata(metadata)) : null;
}

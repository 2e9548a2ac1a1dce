import { open } from '@tessera-llm/models';
import type { CommandContext } from '../main';

/** `tessera info`: what a checkpoint holds. */
export async function showInfo(folder: string, context: CommandContext): Promise<void> {
  const { model, tokenizer, chatTemplate, endIds } = await open(folder);
  const parameters = [...model.namedParameters()].map(([name, p]) => ({ name, shape: [...p.shape], dtype: p.dtype }));
  const { model_type } = model.config;
  const count = model.parameterCount();
  const document = {
    architecture: model_type,
    parameters: count,
    tensors: parameters,
    tokenizer: tokenizer === null ? null : { vocabSize: tokenizer.vocabSize },
    chatTemplate: chatTemplate !== null,
    endIds: [...endIds],
  };
  const lines = [
    `architecture  ${model_type}`,
    `parameters    ${count.toLocaleString('en')} in ${parameters.length} tensors`,
    `tokenizer     ${tokenizer === null ? 'none' : `${tokenizer.vocabSize} entries`}`,
    `chat template ${chatTemplate === null ? 'none' : 'yes'}`,
    `end ids       ${endIds.join(', ') || 'none'}`,
  ];
  context.output.result(document, `${lines.join('\n')}\n`);
}

import type { AddedToken } from '../encode/added-tokens';
import type { MetadataReader } from './gguf-metadata';
import type { Tokens } from './gguf-tokens';
import { pieceType } from './sentencepiece-model';

/**
 * Texts of tokens that end a turn or mark the parts of a program, by which llama.cpp knows control tokens: converters
 * often leave them as normal or user-defined ones, and messages could then bring them in.
 */
const markers: ReadonlySet<string> = new Set([
  ...['<|endoftext|>', '<|end_of_text|>', '<|im_end|>', '<|end|>', '<|eot_id|>', '<|eom_id|>', '<end_of_turn>'],
  ...['<turn|>', '<|return|>', '<|call|>', '<|calls|>', '<|flush|>', '<|tool_response>', '<end_of_utterance>'],
  ...['</s>', '<eos>', '[EOS]', '<EOT>', '_<EOT>', '[EOT]', '[e~[', '<｜end▁of▁sentence｜>'],
  ...['<|fim_prefix|>', '<fim-prefix>', '<fim_prefix>', '<｜fim▁begin｜>', '<PRE>', '▁<PRE>'],
  ...['<|fim_suffix|>', '<fim-suffix>', '<fim_suffix>', '<｜fim▁hole｜>', '<SUF>', '▁<SUF>'],
  ...['<|fim_middle|>', '<fim-middle>', '<fim_middle>', '<｜fim▁end｜>', '<MID>', '▁<MID>'],
  ...['<|code_prefix|>', '<|code_suffix|>', '<|code_middle|>', '<|prefix|>', '<|suffix|>', '<|middle|>'],
  ...['<|fim_pad|>', '<fim-pad>', '<fim_pad>', '<PAD>', '[PAD]'],
  ...['<|fim_repo|>', '<|repo_name|>', '<fim-repo>', '<REPO>', '<reponame>', '<|file_sep|>'],
]);

/**
 * Makes control tokens of markers. A normal token that the model itself makes of text (`</s>` in Qwen's vocabulary) is
 * left alone, where llama.cpp takes it out of HTML: the published tokenizer does not.
 *
 * @param isMade Whether the model makes the token of others.
 */
export function withMarkers(tokens: Tokens, isMade: (text: string) => boolean): Tokens {
  const { control, unknown, byte, userDefined } = pieceType;
  const types = tokens.types.map((type, id) => {
    const text = tokens.texts[id] as string;
    if (type === control || type === unknown || type === byte || !markers.has(text)) return type;
    // In Gemma 4, which has this other marker, it is markup.
    if (text === '</s>' && tokens.vocab.has('<|tool_response>')) return type;
    return type !== userDefined && isMade(text) ? type : control;
  });
  return { ...tokens, types };
}

/** Models whose added tokens take spaces, by what their file is called. */
const phi3 = /phi-?3/i;
const keptByPhi3 = ['<unk>', '<s>', '<|endoftext|>'];

/** Added tokens with the flags for spaces that GGUF has no key for: llama.cpp tells them by names, as done here. */
export function withStrips(added: readonly AddedToken[], meta: MetadataReader, pre: string): AddedToken[] {
  const name = meta.text('general.name');
  const architecture = meta.text('general.architecture');
  if (/jina-v2-(?:de|es|code)/.test(pre) || /nomic-bert-moe|jina-bert-v3/.test(architecture))
    return added.map((token) => (token.content === '<mask>' ? { ...token, lstrip: true } : token));
  if (phi3.test(name))
    return added.map((token) => (keptByPhi3.includes(token.content) ? token : { ...token, rstrip: true }));
  if (pre === 'modern-bert' || /modern-bert/i.test(name))
    return added.map((token) => (token.content === '[MASK]' ? { ...token, lstrip: true } : token));
  return [...added];
}

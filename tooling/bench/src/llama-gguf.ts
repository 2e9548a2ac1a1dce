/** The 135M Llama with random weights as a GGUF file, which node-llama-cpp loads too: it wants a tokenizer in it. */
import type { GgufValue } from '@tessera-llm/formats';

/** GPT-2's printable stand-in of a byte. */
function byteToken(byte: number): string {
  const printable = (byte > 32 && byte < 127) || (byte > 160 && byte !== 173);
  if (printable) return String.fromCharCode(byte);
  let rank = 0;
  for (let b = 0; b < byte; b++) if (!((b > 32 && b < 127) || (b > 160 && b !== 173))) rank++;
  return String.fromCharCode(256 + rank);
}

/** A byte-level tokenizer of `vocabulary` ids: three control tokens, the bytes, and words that no text gives. */
export function ggufTokenizer(vocabulary: number): ReadonlyMap<string, GgufValue> {
  const controls = ['<|pad|>', '<|begin|>', '<|end|>'];
  const bytes = Array.from({ length: 256 }, (_, byte) => byteToken(byte));
  const rest = vocabulary - controls.length - bytes.length;
  const words = Array.from({ length: rest }, (_, i) => (i === 0 ? 'wo' : `word${i}`));
  const [normal, control] = [1, 3];
  const types = [...controls.map(() => control), ...[...bytes, ...words].map(() => normal)];
  return new Map<string, GgufValue>([
    ['general.name', { type: 'string', value: 'random weights' }],
    ['tokenizer.ggml.model', { type: 'string', value: 'gpt2' }],
    ['tokenizer.ggml.pre', { type: 'string', value: 'gpt-2' }],
    ['tokenizer.ggml.tokens', { type: 'array', itemType: 'string', value: [...controls, ...bytes, ...words] }],
    ['tokenizer.ggml.token_type', { type: 'array', itemType: 'int32', value: types }],
    ['tokenizer.ggml.merges', { type: 'array', itemType: 'string', value: ['w o'] }], // none at all is refused
    ['tokenizer.ggml.add_bos_token', { type: 'bool', value: false }],
  ]);
}

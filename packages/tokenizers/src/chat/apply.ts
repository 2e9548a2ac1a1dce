import type { Encoding } from '../encode/encoding';
import { Tokenizer } from '../tokenizer';
import type { ChatMessage, ChatTemplate, RenderChatOptions, RenderedChat, Span } from './chat-template';
import { closable, withoutSpecial } from './plain-model';

/** Settings of `applyChatTemplate`. */
export interface ApplyChatTemplateOptions extends RenderChatOptions {
  /**
   * Recognises special tokens wherever the rendered text has them, as Hugging Face does; default false: only where
   * they come from the template, so that no message can end its turn or open another's.
   */
  readonly allowSpecial?: boolean;
}

/**
 * A chat as a prompt of N tokens; `applyChatTemplate` makes it.
 *
 * @example
 * ```ts
 * import { ChatTemplate, applyChatTemplate, trainBpe } from '@tessera-llm/tokenizers';
 * const tokenizer = await trainBpe(['some text'], { vocabSize: 257, specialTokens: ['<|end|>'] });
 * const template = new ChatTemplate(
 *   '{% for m in messages %}{% generation %}{{ m.content }}{% endgeneration %}<|end|>{% endfor %}',
 * );
 * const prompt = applyChatTemplate(tokenizer, template, [{ role: 'assistant', content: 'Hi' }]);
 * console.log(prompt.text); // 'Hi<|end|>'
 * console.log(prompt.assistantMask); // [1, 1, 0]
 * ```
 */
export class ChatPrompt {
  private mask: Uint8Array | null = null;

  /** @internal */
  constructor(
    /** The rendered text. */
    readonly text: string,
    /** Ids (N,); nothing is added to what the template wrote. */
    readonly ids: Int32Array,
    private readonly encoding: Encoding,
    private readonly spans: readonly Span[],
  ) {}

  /** (N,): 1 for tokens that have anything of a `{% generation %}` block, 0 for the others; computed when asked for. */
  get assistantMask(): Uint8Array {
    if (this.mask !== null) return this.mask;
    this.mask = new Uint8Array(this.ids.length);
    let at = 0;
    for (const [i, [start, end]] of this.encoding.offsets.entries()) {
      while (at < this.spans.length && start >= (this.spans[at] as Span)[1]) at++;
      const span = this.spans[at];
      if (span === undefined) break;
      if (end > span[0]) this.mask[i] = 1;
    }
    return this.mask;
  }
}

/** Tokenizers that make no special token of ordinary text, by the ones that they were made of. */
const plain = new WeakMap<Tokenizer, Tokenizer>();

/** The tokenizer itself, or one whose model can't spell a special token, where the text gives it the occasion. */
function cautious(tokenizer: Tokenizer, { text, userSpans }: RenderedChat): Tokenizer {
  const { parts } = tokenizer;
  const spelled = closable(tokenizer);
  // What a normaliser makes of a text is not known before it ran.
  const occasion =
    parts.normalizer || spelled.some(({ content }) => userSpans.some(([from, to]) => around(text, content, from, to)));
  if (spelled.length === 0 || !occasion) return tokenizer;
  const made = plain.get(tokenizer) ?? new Tokenizer({ ...parts, model: withoutSpecial(parts.model, spelled) });
  plain.set(tokenizer, made);
  return made;
}

/** True if the text has `content` in common with [from, to). */
function around(text: string, content: string, from: number, to: number): boolean {
  return text.slice(Math.max(0, from - content.length + 1), to + content.length - 1).includes(content);
}

/**
 * Renders a chat with a model's template and encodes it. Messages, tools, documents and variables can't bring special
 * tokens in: what is spelled like one in them is encoded as ordinary characters, also where it adjoins text of the
 * template; one of a single character, as a character that the model doesn't know (`!` of a byte-level vocabulary or
 * `▁`, in which text itself is spelled, stay what they are). Without such text the ids are those of Hugging Face.
 * Nothing is added around the rendered text, and the tokenizer's truncation and padding are not applied.
 *
 * @throws TokenizerError as `ChatTemplate.render` (`template`, `step_limit`, `invalid_argument`) and `Tokenizer.encode`
 * (`invalid_text`, `token_not_found`).
 *
 * @example
 * ```ts
 * import { ChatTemplate, applyChatTemplate, trainBpe } from '@tessera-llm/tokenizers';
 * const tokenizer = await trainBpe(['some text'], { vocabSize: 260, specialTokens: ['<|end|>'] });
 * const template = new ChatTemplate('{% for m in messages %}{{ m.role }}: {{ m.content }}<|end|>{% endfor %}');
 * const { text, ids } = applyChatTemplate(tokenizer, template, [{ role: 'user', content: 'Hi<|end|>' }]);
 * console.log(text); // 'user: Hi<|end|><|end|>'
 * console.log(ids.filter((id) => id === tokenizer.tokenToId('<|end|>')).length); // 1
 * ```
 */
export function applyChatTemplate(
  tokenizer: Tokenizer,
  template: ChatTemplate,
  messages: readonly ChatMessage[],
  options: ApplyChatTemplateOptions = {},
): ChatPrompt {
  const { allowSpecial = false, ...rest } = options;
  const rendered = template.render(messages, rest);
  const settings = { addSpecialTokens: false, truncation: null, padding: null };
  const encoding = allowSpecial
    ? tokenizer.encode(rendered.text, settings)
    : cautious(tokenizer, rendered).encode(rendered.text, {
        ...settings,
        allowedSpecial: { outside: rendered.userSpans },
      });
  return new ChatPrompt(rendered.text, encoding.ids, encoding, rendered.assistantSpans);
}

import { isRecord, malformed, shown } from '../config';
import { TokenizerError } from '../errors';
import { Interpreter } from './interpreter';
import type { Marks } from './marked-text';
import { MarkedText } from './marked-text';
import { OutsideValues } from './outside';
import { parseTemplate } from './parse';
import { Run } from './run';
import { strip } from './strings';
import type { Statement } from './syntax';
import {
  type NamedTemplates,
  isTokenName,
  readChatTemplates,
  readSpecialTokens,
  templatesToConfig,
} from './template-files';
import { Dict, List, type Value, none, text } from './values';

/** A message of a chat in the form of Hugging Face and OpenAI: what a template reads, it may have. */
export interface ChatMessage {
  /** Who speaks: `user`, `assistant`, `system`, `tool`, or what else the template knows. */
  readonly role: string;
  /** A text, or a list of parts such as `{ type: 'text', text: '…' }`. */
  readonly content?: unknown;
  /** Others, such as `tool_calls` and `reasoning_content`: values that JSON has. Those of null are left out. */
  readonly [field: string]: unknown;
}

/** Settings of `render`. */
export interface RenderChatOptions {
  /** Ends with what begins an answer of the assistant; default false. */
  readonly addGenerationPrompt?: boolean;
  /** Leaves the last message open, so that a model goes on with it: true for its content, or the name of its field. */
  readonly continueFinalMessage?: boolean | string;
  /** JSON schemas of functions; default none. They choose the template named `tool_use` where there is one. */
  readonly tools?: readonly Readonly<Record<string, unknown>>[] | null;
  /** Documents for retrieval, with `title` and `text`; default none. */
  readonly documents?: readonly Readonly<Record<string, unknown>>[] | null;
  /** Further variables of the template. Their texts count as from outside, except those of special tokens. */
  readonly variables?: Readonly<Record<string, unknown>>;
  /** Name of a template, or the source of another one; default `tool_use` where it counts, else `default`. */
  readonly template?: string;
  /** Steps after which a template is given up: default five million, and 100 for each character of what it is given. */
  readonly stepLimit?: number;
  /** What `strftime_now` tells; default the present. */
  readonly now?: Date;
}

/** Stretch [start, end) of a text in UTF-16 units. */
export type Span = readonly [start: number, end: number];

/** What a template made of a chat. */
export interface RenderedChat {
  /** The rendered text; what the spans below are places in. */
  readonly text: string;
  /** What came from messages, tools, documents and variables: no special token may be found in it. */
  readonly userSpans: readonly Span[];
  /** What `{% generation %}` blocks made. */
  readonly assistantSpans: readonly Span[];
}

function spans(marks: Marks): Span[] {
  return Array.from({ length: marks.length / 2 }, (_, i) => [marks[2 * i] as number, marks[2 * i + 1] as number]);
}

const continueTag = 'CONTINUE_FINAL_MESSAGE_TAG ';
const reasoningFields = ['reasoning_content', 'thinking', 'reasoning'];

function invalid(message: string): TokenizerError {
  return new TokenizerError('invalid_argument', `[applyChatTemplate] ${message}`);
}

/**
 * The chat templates of a model, rendered as transformers renders them: Jinja with its globals (`raise_exception`,
 * `strftime_now`), `tojson`, loop controls, trimmed blocks and `{% generation %}`. Every string that does not come
 * from the template is followed to its place in the result.
 *
 * @example
 * ```ts
 * import { ChatTemplate } from '@tessera-llm/tokenizers';
 * const template = new ChatTemplate("{% for m in messages %}<|{{ m.role }}|>{{ m.content }}\n{% endfor %}");
 * console.log(template.render([{ role: 'user', content: 'Hello' }]).text); // '<|user|>Hello\n'
 * ```
 */
export class ChatTemplate {
  /** Sources by name. */
  readonly templates: NamedTemplates;
  /** Special tokens that templates see as variables, such as `bos_token`. */
  readonly specialTokens: Readonly<Record<string, string>>;
  private readonly parsed = new Map<string, readonly Statement[]>();

  /**
   * @param templates The source, or sources by name.
   * @param options.specialTokens Variables such as `bos_token`; default none.
   * @throws TokenizerError `invalid_argument` for templates that are no text.
   */
  constructor(
    templates: string | NamedTemplates,
    options: { readonly specialTokens?: Readonly<Record<string, string>> } = {},
  ) {
    const named: unknown = typeof templates === 'string' ? { default: templates } : templates;
    if (!isRecord(named) || !Object.values(named).every((source) => typeof source === 'string')) {
      throw new TokenizerError(
        'invalid_argument',
        `[ChatTemplate] expected the source of a template, or sources by name, got ${shown(templates)}`,
      );
    }
    this.templates = named as NamedTemplates;
    this.specialTokens = options.specialTokens ?? {};
  }

  /**
   * The templates of a parsed tokenizer_config.json, or null if it has none.
   *
   * @param files The contents of chat_template.jinja (as `default`) and of the files in additional_chat_templates by
   * their names without `.jinja`. Where there are any, `chat_template` of the configuration does not count.
   * @param specialTokensMap The parsed special_tokens_map.json of older folders; it names tokens only where the
   * configuration has no `added_tokens_decoder`, and then before the configuration, as in transformers.
   * @throws TokenizerError `invalid_file`.
   */
  static fromConfig(config: unknown, files: NamedTemplates = {}, specialTokensMap: unknown = {}): ChatTemplate | null {
    if (!isRecord(config)) throw malformed('tokenizer_config.json', 'an object', config);
    if (!isRecord(specialTokensMap)) throw malformed('special_tokens_map.json', 'an object', specialTokensMap);
    const templates = Object.keys(files).length > 0 ? files : readChatTemplates(config.chat_template);
    return templates && new ChatTemplate(templates, { specialTokens: readSpecialTokens(config, specialTokensMap) });
  }

  /** What a tokenizer_config.json holds of the templates and their special tokens; `fromConfig` reads it. */
  toConfig(): Record<string, unknown> {
    return templatesToConfig(this.templates, this.specialTokens);
  }

  /** Name and source of the template that the options choose. */
  private choose({ template, tools }: RenderChatOptions): { name: string; source: string } {
    const names = Object.keys(this.templates);
    const of = (name: string) => (Object.hasOwn(this.templates, name) ? this.templates[name] : undefined);
    if (template !== undefined) {
      const named = of(template);
      if (named !== undefined) return { name: template, source: named };
      if (template.includes('{')) return { name: 'given', source: template };
      throw invalid(
        `expected the name of a template (${names.join(', ')}) or a source, got ${JSON.stringify(template)}`,
      );
    }
    for (const name of tools != null ? ['tool_use', 'default'] : ['default']) {
      const source = of(name);
      if (source !== undefined) return { name, source };
    }
    throw invalid(
      `expected a default template or a name in \`template\`, got templates ${names.join(', ') || '(none)'}`,
    );
  }

  private program(name: string, source: string): readonly Statement[] {
    const known = this.parsed.get(source);
    if (known !== undefined) return known;
    const made = parseTemplate(name, source);
    // Sources given with a call may be many.
    if (this.parsed.size >= 16) this.parsed.clear();
    this.parsed.set(source, made);
    return made;
  }

  /**
   * Renders a chat.
   *
   * @throws TokenizerError `template` naming template and line, with the template's own message where it raises one
   * and for errors of syntax; `step_limit` for one that does not end; `invalid_argument` for no message, values that
   * JSON does not have, a template that is not there, or a final message that can't be continued.
   */
  render(messages: readonly ChatMessage[], options: RenderChatOptions = {}): RenderedChat {
    const { addGenerationPrompt = false, continueFinalMessage = false, tools, documents, now = new Date() } = options;
    if (!Array.isArray(messages as unknown)) throw invalid(`expected a list of messages, got ${shown(messages)}`);
    if (messages.length === 0) throw invalid('expected at least one message, got none');
    const continued = continueFinalMessage === '' ? false : continueFinalMessage;
    if (continued !== false && addGenerationPrompt) {
      throw invalid('expected one of addGenerationPrompt and continueFinalMessage, got both');
    }
    for (const [what, list] of Object.entries({ tools, documents })) checkObjects(what, list);
    if (!(now instanceof Date) || Number.isNaN(now.getTime()))
      throw invalid(`expected a date as now, got ${String(now)}`);
    const { name, source } = this.choose(options);
    const program = this.program(name, source);
    const outside = new OutsideValues();
    const chat = messages.map((message, i) => outside.message(message, `messages[${i}]`));
    const open = continued === false ? null : leaveOpen(chat, continued, source);
    const variables = new Map<string, Value>();
    for (const [key, token] of Object.entries(this.specialTokens)) variables.set(key, text(token));
    for (const [key, value] of Object.entries(options.variables ?? {})) {
      const token = isTokenName(key) && typeof value === 'string';
      variables.set(key, token ? text(value) : outside.convert(value, `variables.${key}`));
    }
    variables.set('messages', new List(chat));
    variables.set('tools', tools ? outside.convert(tools, 'tools') : none);
    variables.set('documents', documents ? outside.convert(documents, 'documents') : none);
    variables.set('add_generation_prompt', addGenerationPrompt);
    const limit = options.stepLimit ?? 5e6 + 100 * outside.size;
    const made = interpret(program, new Run(name, limit, now), variables);
    const done = open === null ? made : cutOpen(made, open);
    return { text: done.text, userSpans: spans(done.user), assistantSpans: spans(done.generated) };
  }
}

/** @throws TokenizerError `invalid_argument` unless it is nothing or a list of objects. */
function checkObjects(name: string, given: unknown): void {
  if (given === undefined || given === null) return;
  if (!Array.isArray(given)) throw invalid(`expected a list of objects as ${name}, got ${shown(given)}`);
  const at = given.findIndex((item: unknown) => !isRecord(item));
  if (at >= 0) throw invalid(`expected an object as ${name}[${at}], got ${shown(given[at])}`);
}

function interpret(program: readonly Statement[], run: Run, variables: ReadonlyMap<string, Value>): MarkedText {
  try {
    return new Interpreter(run).render(program, variables);
  } catch (error) {
    if (error instanceof TokenizerError) throw error;
    // The stack, or the longest string that the engine has.
    if (error instanceof RangeError) return run.exhausted('values nested or grown beyond what the machine holds');
    return run.fail('expected a template that can be rendered, got an internal error', { cause: error });
  }
}

/** Puts a tag behind the text that is to be continued, as transformers does; gives that text. */
function leaveOpen(chat: Dict[], field: boolean | string, source: string): string {
  const name = typeof field === 'string' ? field : 'content';
  const last = chat.at(-1) as Dict;
  const value = last.get(name);
  if (value === undefined) throw invalid(`expected a final message with '${name}' to continue, got one without`);
  // Its other names may have a text of their own that is the same.
  const said = (alias: string) => {
    const other = last.get(alias);
    return other instanceof MarkedText && value instanceof MarkedText ? other.text === value.text : other === value;
  };
  const aliases = reasoningFields.filter(said);
  const fields = reasoningFields.includes(name) ? aliases : [name];
  if (!fields.some((one) => source.includes(one))) {
    throw invalid(`expected a template that reads '${name}' to continue it, got one that does not`);
  }
  const tagged = (given: MarkedText) => MarkedText.concat([given, MarkedText.user(continueTag)]);
  const entries = new Map(last.entries);
  let continued = '';
  if (value instanceof List) {
    const at = value.items.findLastIndex((part) => part instanceof Dict && part.get('text') instanceof MarkedText);
    const part = value.items[at];
    const written = part instanceof Dict ? part.get('text') : undefined;
    if (!(part instanceof Dict && written instanceof MarkedText)) {
      throw invalid('expected a final message with a text to continue, got one without');
    }
    continued = written.text;
    const open = new Dict(new Map(part.entries).set('stext', [text('text'), tagged(written)]));
    for (const one of fields) entries.set(`s${one}`, [text(one), new List(value.items.with(at, open))]);
  } else if (value instanceof MarkedText) {
    continued = value.text;
    for (const one of fields) entries.set(`s${one}`, [text(one), tagged(value)]);
  } else throw invalid(`expected a text in '${name}' to continue, got another value`);
  chat[chat.length - 1] = new Dict(entries);
  return continued;
}

/** Drops the tag and what follows it. */
function cutOpen(made: MarkedText, continued: string): MarkedText {
  const at = made.text.lastIndexOf(continueTag.trim());
  if (at < 0 || !made.text.includes(strip(new MarkedText(continued), 'both', null).text)) {
    throw invalid('expected the final message in the rendered chat, got one without; the template drops or changes it');
  }
  const kept = made.slice(0, at);
  return made.text.startsWith(continueTag, at) ? kept : strip(kept, 'right', null);
}

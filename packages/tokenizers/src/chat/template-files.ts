import { Reader, isRecord, malformed } from '../config';
import { readNamed, tokenNames } from '../load/huggingface-tokens';

/** Templates by name; the one of no other name is `default`. */
export type NamedTemplates = Readonly<Record<string, string>>;

/** The templates that `chat_template` of a tokenizer_config.json holds: one, or several with names. */
export function readChatTemplates(value: unknown, place = 'chat_template'): NamedTemplates | null {
  if (value === null || value === undefined) return null;
  if (typeof value === 'string') return { default: value };
  const named = new Map<string, string>();
  if (Array.isArray(value)) {
    value.forEach((item: unknown, i) => {
      if (!isRecord(item) || typeof item.name !== 'string' || typeof item.template !== 'string') {
        throw malformed(`${place}.${i}`, 'an object with name and template', item);
      }
      named.set(item.name, item.template);
    });
  } else if (isRecord(value)) {
    for (const [name, source] of Object.entries(value)) {
      if (typeof source !== 'string') throw malformed(`${place}.${name}`, 'a string', source);
      named.set(name, source);
    }
  } else throw malformed(place, 'a string or a list of named templates', value);
  return named.size === 0 ? null : Object.fromEntries(named);
}

/** The special tokens of a tokenizer_config.json and a special_tokens_map.json that templates see as variables. */
export function readSpecialTokens(
  config: Readonly<Record<string, unknown>>,
  map: Readonly<Record<string, unknown>>,
): Readonly<Record<string, string>> {
  const named = readNamed(new Reader(config, 'tokenizer_config'), new Reader(map, 'special_tokens_map'));
  return Object.fromEntries(Array.from(named, ([name, { content }]) => [name, content]));
}

/** True for names of variables that hold special tokens rather than text from outside. */
export function isTokenName(name: string): boolean {
  return tokenNames.includes(name);
}

/** What a tokenizer_config.json holds of templates and special tokens. */
export function templatesToConfig(
  templates: NamedTemplates,
  specialTokens: Readonly<Record<string, string>>,
): Record<string, unknown> {
  const tokens = Object.entries(specialTokens);
  const extra = tokens.filter(([name]) => !isTokenName(name));
  const named = Object.entries(templates);
  const single = named.length === 1 ? templates.default : undefined;
  return {
    ...Object.fromEntries(tokens.filter(([name]) => isTokenName(name))),
    ...(extra.length > 0 && { extra_special_tokens: Object.fromEntries(extra) }),
    chat_template: single ?? named.map(([name, template]) => ({ name, template })),
  };
}

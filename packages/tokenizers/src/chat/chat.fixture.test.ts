import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { dumpJson, fixtureCase, fixturesDir, loadJson } from '@tessera-llm/testing';
import { afterAll, describe, expect, it } from 'vitest';
import { ChatTemplate, type RenderChatOptions, TokenizerError } from '../index';
import { codePointPlaces } from '../text/unicode';

/** A row of the fixtures; its structure is described in their README. */
interface Row {
  readonly template: string;
  readonly conversation: string;
  readonly messages: { role: string }[];
  readonly add_generation_prompt: boolean;
  readonly continue_final_message?: boolean;
  readonly tools?: Record<string, unknown>[];
  readonly variables?: Record<string, unknown>;
  readonly rendered?: string;
  readonly error?: string;
  readonly assistant_spans?: number[][];
  readonly [key: string]: unknown;
}

const folder = fixturesDir('tokenizers');
const file = 'chat-templates/cases.json';
const { cases: rows } =
  folder === null ? { cases: [] } : (loadJson(join(folder, file)) as { readonly cases: readonly Row[] });
const templates = new Map<string, ChatTemplate>();

function templateOf({ template, bos_token, eos_token }: Row): ChatTemplate {
  const key = `${template} ${String(bos_token)} ${String(eos_token)}`;
  let made = templates.get(key);
  if (made === undefined) {
    const source = readFileSync(join(folder ?? '', 'chat-templates', `${template}.jinja`), 'utf8');
    made = ChatTemplate.fromConfig({ bos_token, eos_token }, { default: source }) as ChatTemplate;
    templates.set(key, made);
  }
  return made;
}

function compute(row: Row): Partial<Row> {
  const options: RenderChatOptions = {
    addGenerationPrompt: row.add_generation_prompt,
    ...(row.continue_final_message !== undefined && { continueFinalMessage: row.continue_final_message }),
    ...(row.tools && { tools: row.tools }),
    ...(row.variables && { variables: row.variables }),
  };
  try {
    const { text, assistantSpans } = templateOf(row).render(row.messages, options);
    const places = codePointPlaces(text);
    return {
      rendered: text,
      ...('assistant_spans' in row && {
        assistant_spans: assistantSpans.map((span) => span.map((place) => places?.[place] ?? place)),
      }),
    };
  } catch (error) {
    if (!(error instanceof TokenizerError && error.code === 'template')) throw error;
    return { error: error.message };
  }
}

describe.skipIf(folder === null)('fixtures/tokenizers/chat-templates (skipped where the fixtures are absent)', () => {
  const dump: unknown[] = [];
  for (const [i, row] of rows.entries()) {
    it(`${i}: ${row.template}, ${row.conversation}`, () =>
      fixtureCase('tokenizers', `chat-templates/${i}`, () => {
        const { rendered, error, assistant_spans, ...inputs } = row;
        const got = compute(row);
        dump.push({ ...inputs, ...got });
        expect(got.rendered).toBe(rendered);
        expect(got.assistant_spans).toEqual(assistant_spans);
        if (error === undefined) expect(got.error).toBeUndefined();
        else expect(got.error).toContain(error.replace(/^\w+: /, ''));
      }));
  }
  afterAll(() => dumpJson('reference', `tokenizers/${file}`, { cases: dump }));
});

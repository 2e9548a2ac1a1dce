import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fixtureCase, loadJson } from '@tessera-llm/testing';
import { describe, expect, it } from 'vitest';
import { ChatTemplate, TokenizerError } from '../index';

/** A chat row of `real-*.json`; their structure is described in the README of the fixtures. */
interface Row {
  readonly conversation: string;
  readonly messages: { role: string }[];
  readonly add_generation_prompt: boolean;
  readonly tools?: Record<string, unknown>[];
  readonly variables?: Record<string, unknown>;
  readonly rendered?: string;
  readonly error?: string;
  readonly [key: string]: unknown;
}

/** What such a file says of chats. */
export interface RealChats {
  readonly package: string;
  readonly chat_file?: string;
  readonly chat_special_tokens?: Record<string, string>;
  readonly chat?: readonly Row[];
}

function compute(template: ChatTemplate, row: Row): Partial<Row> {
  try {
    const { text } = template.render(row.messages, {
      addGenerationPrompt: row.add_generation_prompt,
      ...(row.tools && { tools: row.tools }),
      ...(row.variables && { variables: row.variables }),
    });
    return { rendered: text };
  } catch (error) {
    if (!(error instanceof TokenizerError && error.code === 'template')) throw error;
    return { error: error.message };
  }
}

/** The tests of a file's chat rows; what they compute is added to `dump`, one entry a row. */
export function chatTests(name: string, real: RealChats, packages: string | null, dump: unknown[]): void {
  const rows = real.chat ?? [];
  if (rows.length === 0) return;
  const config = join(packages ?? '', real.package, real.chat_file ?? 'models/tokenizer_config.json');
  const present = packages !== null && existsSync(config);
  describe.skipIf(!present)(`${name}, chat (skipped where TESSERA_VOCABS names no folder with ${real.package})`, () => {
    let template: ChatTemplate | null = null;
    const loaded = (): ChatTemplate => {
      const made = template ?? ChatTemplate.fromConfig(loadJson(config));
      if (made === null) throw new Error(`expected a chat_template in ${config}, got none`);
      template = made;
      return made;
    };
    for (const [i, row] of rows.entries()) {
      it(`${i}: ${row.conversation}`, () =>
        fixtureCase('tokenizers', `${name}/chat/${i}`, () => {
          const { rendered, error, ...inputs } = row;
          const got = compute(loaded(), row);
          dump.push({ ...inputs, ...got });
          expect(got.rendered).toBe(rendered);
          if (error === undefined) expect(got.error).toBeUndefined();
          else expect(got.error).toContain(error.replace(/^\w+: /, ''));
        }));
    }
    it('special tokens of the configuration', () => {
      expect(loaded().specialTokens).toMatchObject(real.chat_special_tokens ?? {});
    });
  });
}

import { describe, expect, it } from 'vitest';
import { TokenizerError } from '../errors';
import { Interpreter } from './interpreter';
import cases from './jinja.cases.json' with { type: 'json' };
import { OutsideValues } from './outside';
import { parseTemplate } from './parse';
import { Run } from './run';

// What Jinja 3.1 prints in the environment of transformers 5.18, null where it raises: messages, template, text.
describe('templates print what Jinja prints', () => {
  it.each(cases.cases)('%#: $template', ({ messages, template, text }) => {
    const variables = new Map([['m', new OutsideValues().convert(cases.messages[messages], 'm')]]);
    const render = () =>
      new Interpreter(new Run('t', 1e6, new Date())).render(parseTemplate('t', template), variables).text;
    if (text === null) expect(render, template).toThrow(TokenizerError);
    else expect(render(), template).toBe(text);
  });
});

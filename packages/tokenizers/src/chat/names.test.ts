import { describe, expect, it } from 'vitest';
import { TokenizerError } from '../errors';
import { parseTemplate } from './parse';

describe('what no template may have is refused before it runs', () => {
  it.each([
    ["a\n{% for x in y %}\n{{ 'a' }}{{ x|nope }}{% endfor %}", 3, "No filter named 'nope'."],
    ['{% macro f() %}\n{% set x = 1 is nope %}{% endmacro %}\n', 2, "No test named 'nope'."],
    ['\n{% for x in y %}\n\n{% set loop = 1 %}{% endfor %}', 4, "can't assign to 'loop' in a loop"],
    ['{{ 1 }}\n{% macro f(caller) %}\n{{ caller() }}{% endmacro %}', 2, "a parameter 'caller' needs a default"],
    ['{% macro f(a, a) %}{% endmacro %}\n', 1, 'a macro has two parameters of one name'],
    ['{% if x %}\n{% break %}{% endif %}', 2, "'break' outside of a loop"],
    ['{% for x in y %}\n{% generation %}\n{% continue %}\n{% endgeneration %}{% endfor %}', 3, "'continue' outside"],
    ['\n{% set a|default(b) %}\n{{ 1 }}{% endset %}', 2, "the filters of a set block can't know the name 'b'"],
    ['{{ 1 }}\n{{ f(a=1, a=2) }}', 2, "argument 'a' is given twice"],
  ])('%j', (source, line, message) => {
    const read = () => parseTemplate('t', source);
    expect(read).toThrow(TokenizerError);
    expect(read).toThrow(`[chat template "t", line ${line}] expected a Jinja template, got a syntax error: ${message}`);
  });
});

import { describe, expect, it } from 'vitest';
import { type ChatMessage, ChatTemplate, type RenderChatOptions, TokenizerError } from '../index';

const user: ChatMessage[] = [{ role: 'user', content: 'Hello' }];

function render(source: string, messages: readonly ChatMessage[] = user, options: RenderChatOptions = {}): string {
  return new ChatTemplate(source).render(messages, options).text;
}

function failure(run: () => unknown): TokenizerError {
  try {
    run();
  } catch (error) {
    if (error instanceof TokenizerError) return error;
    throw error;
  }
  throw new Error('expected an error, got none');
}

/** A value put into another one again and again. */
function shared(next: string): string {
  return `{% set ns = namespace(x=(1,)) %}{% for i in range(60) %}{% set ns.x = ${next} %}{% endfor %}`;
}

describe('ChatTemplate', () => {
  it('chooses among named templates as transformers does', () => {
    const config = {
      bos_token: { content: '<s>' },
      pad_token: null,
      extra_special_tokens: { image_token: '<img>' },
      chat_template: [
        { name: 'default', template: 'd{{ bos_token }}{{ image_token }}{{ pad_token is defined }}' },
        { name: 'tool_use', template: 't' },
        { name: 'rag', template: 'r' },
      ],
    };
    const template = ChatTemplate.fromConfig(config);
    expect(template?.render(user).text).toBe('d<s><img>False');
    expect(template?.render(user, { tools: [] }).text).toBe('t');
    expect(template?.render(user, { template: 'rag', tools: [] }).text).toBe('r');
    expect(template?.render(user, { template: '{{ 1 }}' }).text).toBe('1');
    expect(failure(() => template?.render(user, { template: 'tool' })).message).toContain('default, tool_use, rag');
    expect(ChatTemplate.fromConfig({})).toBeNull();
    const again = ChatTemplate.fromConfig(JSON.parse(JSON.stringify(template?.toConfig())));
    expect(again).toMatchObject({
      templates: template?.templates,
      specialTokens: { bos_token: '<s>', image_token: '<img>' },
    });
    expect(new ChatTemplate('x').toConfig()).toEqual({ chat_template: 'x' });
    const only = new ChatTemplate({ tool_use: 'T{{ tools|length }}' });
    expect(only.render(user, { tools: [{}] }).text).toBe('T1');
    expect(failure(() => only.render(user)).message).toContain('got templates tool_use');
    expect(ChatTemplate.fromConfig(config, { default: 'f' })?.render(user, { tools: [] }).text).toBe('f');
    const map = { bos_token: '<b>', eos_token: { content: '</s>' } };
    const tokensOf = (given: object, more: object) =>
      ChatTemplate.fromConfig({ ...given, chat_template: '' }, {}, more)?.specialTokens;
    expect(tokensOf({ bos_token: '<s>', pad_token: '<p>' }, map)).toEqual({
      bos_token: '<b>',
      eos_token: '</s>',
      pad_token: '<p>',
    });
    expect(tokensOf({ bos_token: '<s>', added_tokens_decoder: {} }, map)).toEqual({ bos_token: '<s>' });
    expect(failure(() => tokensOf({}, [])).code).toBe('invalid_file');
    expect(failure(() => new ChatTemplate({ a: '', b: '' }).render(user)).code).toBe('invalid_argument');
    expect(failure(() => ChatTemplate.fromConfig({ chat_template: [{ name: 1 }] })).code).toBe('invalid_file');
  });

  it('shows templates the real strings', () => {
    const seen =
      "{{ m == 'a b' }}{{ m.startswith('a') }}{{ ' ' in m }}{{ m | length }}{{ m.split(' ') | length }}{{ m[0] == 'a' }}";
    expect(render(`{% set m = messages[0].content %}${seen}`, [{ role: 'user', content: 'a b' }])).toBe(
      'TrueTrueTrue32True',
    );
  });

  it('follows strings to their places', () => {
    const source =
      "{{ ('<' ~ messages[0].content | trim ~ '>') | upper }}{{ messages[0].content[::-1] | replace('l', '--') }}";
    const { text, userSpans } = new ChatTemplate(source).render([{ role: 'user', content: ' Hello ' }]);
    expect(text).toBe('<HELLO> o----eH ');
    expect(userSpans.map(([from, to]) => text.slice(from, to))).toEqual(['HELLO', ' o', 'eH ']);
  });

  it('follows strings through filters that lay them out', () => {
    const spans = (source: string, content: string) => {
      const { text, userSpans } = new ChatTemplate(source).render([{ role: 'user', content, size: 1500 }]);
      return [text, userSpans.map(([from, to]) => text.slice(from, to))];
    };
    expect(spans("{{ ('[' ~ messages[0].content ~ ']')|wordwrap(6) }}", '<|end|> of')).toEqual([
      '[<|end\n|> of]',
      ['<|end', '|> of'],
    ]);
    expect(spans("{{ {'a': messages[0].content}|xmlattr }}", 'x"<')).toEqual([' a="x&#34;&lt;"', ['x&#34;&lt;']]);
    expect(spans('{{ messages[0].size|filesizeformat }}', '')).toEqual(['1.5 kB', ['1.5 kB']]);
    const long = 'word '.repeat(16);
    const lines = [long.slice(0, 65), long.slice(65)];
    expect(spans("{{ {'key': [messages[0].content]}|pprint }}", long)).toEqual([
      `{'key': ['${lines[0]}'\n         '${lines[1]}']}`,
      lines,
    ]);
  });

  it('leaves the final message open', () => {
    const source = "{% for m in messages %}{{ '[' ~ m.role ~ ']' ~ m.content | trim ~ '[end]' }}{% endfor %}";
    const chat = [...user, { role: 'assistant', content: ' An answer ' }];
    expect(render(source, chat, { continueFinalMessage: true })).toBe('[user]Hello[end][assistant]An answer');
    expect(render(source.replace(' | trim', ''), chat, { continueFinalMessage: true })).toBe(
      '[user]Hello[end][assistant] An answer ',
    );
    const parts = [
      { role: 'assistant', content: [{ type: 'text', text: 'a' }, { type: 'text', text: 'b' }, { type: 'image' }] },
    ];
    expect(
      render('{% for p in messages[0].content %}({{ p.text }}){% endfor %}', parts, { continueFinalMessage: true }),
    ).toBe('(a)(b');
    const thinking = [{ role: 'assistant', reasoning: 'so' }];
    expect(render('<{{ messages[0].reasoning_content }}>', thinking, { continueFinalMessage: 'reasoning' })).toBe(
      '<so',
    );
    // Names for the same thinking, also where they were given apart, are continued together.
    const twice = [{ role: 'assistant', reasoning: 'so', thinking: 'so' }];
    expect(render('<{{ messages[0].reasoning_content }}>', twice, { continueFinalMessage: 'reasoning' })).toBe('<so');
    const inParts = [{ role: 'assistant', thinking: [{ type: 'text', text: 'so' }] }];
    expect(render('<{{ messages[0].reasoning_content[0].text }}>', inParts, { continueFinalMessage: 'thinking' })).toBe(
      '<so',
    );
    expect(render(source, chat, { continueFinalMessage: '', addGenerationPrompt: true })).toContain('[end]');
    for (const options of [
      { continueFinalMessage: true, addGenerationPrompt: true },
      { continueFinalMessage: 'nothing' },
    ]) {
      expect(failure(() => render(source, chat, options)).code).toBe('invalid_argument');
    }
    expect(failure(() => render('content', chat, { continueFinalMessage: true })).code).toBe('invalid_argument');
  });

  it('refuses tools and documents that are no objects', () => {
    for (const options of [{ tools: ['f'] }, { tools: 'f' }, { documents: [null] }, { documents: {} }]) {
      const error = failure(() => render('x', user, options as unknown as RenderChatOptions));
      expect([error.code, error.message]).toEqual([
        'invalid_argument',
        expect.stringContaining(Object.keys(options)[0]!),
      ]);
    }
  });

  it('drops keys without a value, and has tools and documents as none', () => {
    expect(render('{{ messages[0].content is defined }}', [{ role: 'user', content: null }])).toBe('False');
    expect(render('{{ tools is none }}{{ documents is none }}{{ add_generation_prompt }}')).toBe('TrueTrueFalse');
  });

  it('tells the time that it is given', () => {
    const now = new Date(2024, 6, 6, 9, 5, 3);
    expect(render("{{ strftime_now('%d %b %Y %-d %H:%M:%S %A %j %p %%') }}", user, { now })).toBe(
      '06 Jul 2024 6 09:05:03 Saturday 188 AM %',
    );
    for (const date of [new Date(Number.NaN), '2024-07-06' as unknown as Date]) {
      expect(failure(() => render('', user, { now: date })).code).toBe('invalid_argument');
    }
  });

  it('formats times with the modifiers E and O as Python does', () => {
    const letters = Array.from('abcdefghijklmnopqrtuvwxyzABCDFGHIJKLMNPQRSTUVWXYZ%');
    const formats = ['E', 'O'].flatMap((modifier) => letters.map((letter) => `%${modifier}${letter}`));
    const now = new Date(2024, 6, 26, 9, 5, 3);
    const source = `{{ strftime_now('${formats.join('|')}|%-Od|%_Om|%^OB|%0Ex|%-Ed|%EE|%O') }}`;
    expect(render(source, user, { now })).toBe(
      '%Ea|%Eb|Fri Jul 26 09:05:03 2024|%Ed|%Ee|%Ef|%Eg|%Eh|%Ei|%Ej|%Ek|%El|%Em|\n|%Eo|AM|%Eq|09:05:03 AM|\t|5|%Ev|%Ew|' +
        '07/26/24|24||%EA|%EB|20|%ED|%EF|%EG|%EH|%EI|%EJ|%EK|%EL|%EM|%EN|am|%EQ|09:05|%ES|09:05:03|%EU|%EV|%EW|09:05:03|' +
        '2024||%|%Oa|Jul|%Oc|26|26|%Of|24|Jul|%Oi|208| 9| 9|07|\n|%Oo|AM|%Oq|09:05:03 AM|\t|5|%Ov|5|%Ox|24||%OA|July|20|' +
        '%OD|%OF|2024|09|09|%OJ|%OK|%OL|05|%ON|am|%OQ|09:05|03|09:05:03|29|30|30|%OX|%OY||%|26| 7|JULY|07/26/24|%-Ed|%EE|%O',
    );
  });

  it('carries the message that a template raises, and the place', () => {
    const error = failure(() =>
      render("{% for m in messages %}\n{{ raise_exception('roles must ' ~ 'alternate') }}{% endfor %}"),
    );
    expect([error.code, error.message]).toEqual(['template', '[chat template "default", line 2] roles must alternate']);
    expect(error.cause).toMatchObject({ message: 'roles must alternate' });
  });

  it.each([
    ['{% if true %}\na', 2],
    ['a\n{{ 1 + }}', 2],
    ['a\n\n{% unknown %}', 3],
    ['{{ "a }}', 1],
    ['\n{{ 1', 2],
    ['\n\n{# never', 3],
    ['{% raw %}{{', 1],
    ['{% for x in [1] %}\n{% endif %}', 2],
    ['{% set x = %}', 1],
    ['\n{{ 1 is odd is even }}', 2],
    ['{% for x in [1] if x else [2] %}{% endfor %}', 1],
    ['{{ [1,\n2,\n3 }}', 1],
    ['{{ f(a=1,\n2) }}', 2],
    ['{% macro f(a=1, b) %}{% endmacro %}', 1],
    ["\n{{ '\\xz' }}", 2],
    ['{% set none = 1 %}', 1],
    ['{{ 1 $ 2 }}', 1],
    [`{{ ${'('.repeat(50_000)} }}`, 1],
  ])('names the line of a syntax error: %#', (source, line) => {
    const error = failure(() => render(source));
    expect(error.code).toBe('template');
    expect(error.message).toContain(`line ${line}]`);
  });

  it.each([
    ['macros', '{% macro f() %}{{ f() }}{% endmacro %}\n{{ f() }}'],
    [
      'macros in turn',
      '{% macro f(n) %}{{ g(n) }}{% endmacro %}{% macro g(n) %}{{ f(n + 1) }}{% endmacro %}{{ f(0) }}',
    ],
    ['ranges', '{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}'],
    ['a recursive loop', '{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}'],
    ['a long sum', `{{ 1${'+1'.repeat(100_000)} }}`],
    ['indentation', "{{ 'a' | indent(10 ** 10) }}"],
    ['tabs', "{{ '\\t'.expandtabs(10 ** 10) }}"],
    [
      'growing text',
      "{% set ns = namespace(s='ab') %}{% for i in range(100) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
    ],
    ['repetition', "{{ 'ab' * 10 ** 10 }}"],
    [
      'growing lists',
      '{% set ns = namespace(l=[1]) %}{% for i in range(100) %}{% set ns.l = ns.l + ns.l %}{% endfor %}',
    ],
    [
      'nested lists',
      '{% set ns = namespace(l=[]) %}{% for i in range(100000) %}{% set ns.l = [ns.l] %}{% endfor %}{{ ns.l }}',
    ],
    ['width', "{{ 'a'.ljust(10 ** 10) }}"],
    ['format width', "{{ '%999999999d' % 1 }}"],
    [
      'replacement',
      "{% set ns = namespace(s='aaaa') %}{% for i in range(100) %}{% set ns.s = ns.s | replace('a', 'aaaa') %}{% endfor %}",
    ],
    ['fill', '{{ [1] | batch(10 ** 10, 0) | list | length }}'],
    ['long keys', '{% set t = (1,) * 10 ** 6 %}{% for i in range(10 ** 5) %}{% set d = {t: i} %}{% endfor %}'],
    ['shared lists', `${shared('[ns.x, ns.x]')}{{ ns.x }}`],
    ['shared lists as JSON', `${shared('[ns.x, ns.x]')}{{ ns.x | tojson }}`],
    ['shared keys', `${shared('(ns.x, ns.x)')}{{ {ns.x: 1} | length }}`],
  ])('ends a template that does not end by itself: %s', (_, source) => {
    const error = failure(() => render(source));
    expect(error.code).toBe('step_limit');
    expect(error.message).toMatch(/^\[chat template "default", line \d+\]/);
  });

  it('takes steps for what it writes and for keys by their length', () => {
    const numbers = { variables: { x: Array.from({ length: 100 }, () => 1e15) }, stepLimit: 1000 };
    for (const source of ['{% set s = x | string %}', '{% set s = x | tojson %}']) {
      expect(failure(() => render(source, user, numbers)).code, source).toBe('step_limit');
    }
    expect(render(`${shared('(ns.x,)')}{{ {ns.x: 1} | length }}`, user, { stepLimit: 5000 })).toBe('1');
  });

  it('refuses numbers that would not end', () => {
    for (const source of ['{{ 10 ** 100000 }}', '{{ 2 ** 100000 }}', "{{ '%.100000f' % 1 }}"]) {
      expect(failure(() => render(source)).message, source).toMatch(/at most 65536 bits|a precision up to 1000/);
    }
  });

  it('tells whole numbers from outside from floats as Python reads their JSON', () => {
    const message = { role: 'user', content: [2 ** 53, 1e21, 0.5, 1e16] };
    expect(render('{{ messages[0].content }}', [message])).toBe('[9007199254740992, 1e+21, 0.5, 10000000000000000]');
  });

  it('takes the step limit that it is given', () => {
    const source = '{% for i in range(1000) %}{{ i }}{% endfor %}';
    expect(failure(() => render(source, user, { stepLimit: 100 })).code).toBe('step_limit');
    expect(render(source, user, { stepLimit: 100_000 })).toContain('999');
  });

  it('refuses what is no JSON', () => {
    let deep: unknown = 'x';
    for (let i = 0; i < 5000; i++) deep = [deep];
    const cyclic: Record<string, unknown> = {};
    cyclic.self = cyclic;
    for (const content of [deep, cyclic, new Date(), () => 1, 10n, Symbol('x')]) {
      expect(failure(() => render('', [{ role: 'user', content }])).code).toBe('invalid_argument');
    }
    expect(failure(() => render('', [])).code).toBe('invalid_argument');
    for (const given of [null, undefined, 'Hello', {}, 1]) {
      expect(failure(() => render('', (given ?? null) as unknown as ChatMessage[])).code).toBe('invalid_argument');
    }
    for (const given of [null, undefined, 1, [], { default: null }]) {
      expect(failure(() => new ChatTemplate(given as unknown as string)).code).toBe('invalid_argument');
    }
  });

  it('reads a message named like a method, and one without a prototype', () => {
    const message = Object.assign(Object.create(null) as object, {
      role: 'user',
      content: 'a',
      items: 'b',
      __proto__x: 1,
    });
    expect(
      render("{{ messages[0]['items'] }}{{ messages[0].content }}{{ messages[0].constructor is defined }}", [message]),
    ).toBe('baFalse');
  });
});

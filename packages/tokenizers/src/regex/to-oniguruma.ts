import { rustWordSource } from './classes';

/** What ends an alternative at the top: behind it a possessive quantifier has nothing to give back to. */
function endsAlternative(pattern: string, at: number, depth: number): boolean {
  return depth === 0 && (at >= pattern.length || pattern[at] === '|');
}

/**
 * A pattern in Rust's syntax (tiktoken's) as Oniguruma writes it (tokenizer.json's): `^` and `$` are the ends of the
 * text, `{1,3}+` is possessive, `\w` and so `\b` lack the superscripts and have the joiners, `[:alpha:]` is of ASCII.
 */
export function toOniguruma(pattern: string): string {
  // Rust's `s` lets the dot match newlines; in Oniguruma that is `m`, and lines always count.
  if (/\(\?[a-z]*m/.test(pattern)) return pattern;
  let out = '';
  let inClass = 0;
  const groups: number[] = [];
  let atom = 0;
  for (let at = 0; at < pattern.length; ) {
    const c = pattern[at] as string;
    const start = out.length;
    if (c === '\\') {
      const escape = /\\(?:[pPxu]\{[^}]*\}|[\s\S])/y;
      escape.lastIndex = at;
      const [text] = escape.exec(pattern) ?? [c];
      const word = rustWordSource.replaceAll('\\u{', '\\x{');
      if (text === '\\w' || text === '\\W') out += text === '\\w' ? (inClass ? word : `[${word}]`) : `[^${word}]`;
      else if (text === '\\b' && !inClass) out += `(?:(?<=[${word}])(?![${word}])|(?<![${word}])(?=[${word}]))`;
      else if (text === '\\B' && !inClass) out += `(?:(?<=[${word}])(?=[${word}])|(?<![${word}])(?![${word}]))`;
      else out += text.replace(/^\\u\{/, '\\x{');
      at += text.length;
      if (!inClass) atom = start;
      continue;
    }
    const posix = /\[:(\^?)([a-z]+):\]/y;
    posix.lastIndex = at;
    const named = inClass ? posix.exec(pattern) : null;
    if (named !== null) {
      out += `[${named[1]}[:${named[2]}:]&&\\x00-\\x7f]`;
      at += named[0].length;
      continue;
    }
    at++;
    if (inClass) {
      if (c === '[') inClass++;
      else if (c === ']') inClass--;
      out += c;
      continue;
    }
    if (c === '[') {
      inClass = 1;
      atom = start;
    } else if (c === '(') {
      groups.push(start);
      const flags = /\?[a-z]*s[a-z-]*(?=[:)])/y;
      flags.lastIndex = at;
      const [text] = flags.exec(pattern) ?? [''];
      out += c + text.replace('s', 'm');
      at += text.length;
      continue;
    } else if (c === ')') atom = groups.pop() ?? start;
    else if (c === '^') {
      out += '\\A';
      continue;
    } else if (c === '$') {
      // Possessive whitespace leaves no newline for a line to end before: the spelling that is known stays.
      out += out.endsWith('\\s++') ? '$' : '\\z';
      continue;
    } else if (c === '{') {
      const counted = /\d*,?\d*\}\+/y;
      counted.lastIndex = at;
      const [text] = counted.exec(pattern) ?? [''];
      if (text !== '') {
        at += text.length;
        const repeated = c + text.slice(0, -1);
        if (endsAlternative(pattern, at, groups.length)) out += repeated;
        else out = `${out.slice(0, atom)}(?>${out.slice(atom)}${repeated})`;
        continue;
      }
    } else if (!/[*+?|}]/.test(c)) atom = start;
    out += c;
  }
  return out;
}

import type { Filter } from './filter';
import { MarkedText } from './marked-text';
import { escapeText } from './markup';
import { repr, str } from './repr';
import type { Run } from './run';
import { split } from './strings';
import { Dict, List, Undefined, type Value, View, concat, describe, iterate, joined, none, text } from './values';

function escaped(run: Run, value: Value): MarkedText {
  return escapeText(str(run, value));
}

/** An attribute's name and value for each entry of a dictionary that has a value. */
function attributes(run: Run, value: Value, apart: boolean): MarkedText {
  if (!(value instanceof Dict)) return run.fail(`expected a mapping of attributes, got ${describe(value)}`);
  const parts: MarkedText[] = [];
  for (const [key, item] of value.entries.values()) {
    if (item === none || item instanceof Undefined) continue;
    if (!(key instanceof MarkedText) || /[\t-\r />=]/.test(key.text))
      return run.fail(`expected a name of an attribute, got ${repr(run, key).text}`);
    parts.push(concat(run, [escaped(run, key), text('="'), escaped(run, item), text('"')]));
  }
  const all = joined(run, parts, text(' '));
  return apart && all.length > 0 ? concat(run, [text(' '), all]) : all;
}

/** Text without tags and comments, in linear time. */
function withoutTags(html: string): string {
  let out = '';
  let done = 0;
  let comments = true;
  for (let at = html.indexOf('<'); at >= 0; at = html.indexOf('<', done)) {
    let end = -1;
    if (comments && html.startsWith('<!--', at)) {
      end = html.indexOf('-->', at + 4) + 2;
      if (end < 2) comments = false;
    }
    if (end < 2) end = html.indexOf('>', at);
    if (end < 0) break;
    out += html.slice(done, at);
    done = end + 1;
  }
  return out + html.slice(done);
}

const references: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  nbsp: '\u00a0',
};

/** Text with the character references that Jinja's escaping and plain markup use as characters. */
function unescaped(html: string): string {
  return html.replace(
    /&(?:#(\d{1,7})|#[xX]([\da-fA-F]{1,6})|(amp|lt|gt|quot|apos|nbsp));/g,
    (whole, digits, hex, name) => {
      if (name !== undefined) return references[name as string] as string;
      const code = Number(digits ?? `0x${String(hex)}`);
      return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : whole;
    },
  );
}

function urlQuoted(given: string): string {
  return encodeURIComponent(given.replace(/[\ud800-\udfff]/gu, '\ufffd')).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** Filters of markup and addresses. */
export const markupFilters: Readonly<Record<string, Filter>> = {
  e: escaped,
  escape: escaped,
  forceescape: (run, value) => escapeText(str(run, value).as(false)),
  safe: (run, value) => str(run, value).as(true),
  striptags: (run, value) => {
    const given = str(run, value);
    return given.derive(unescaped(joined(run, split(run, text(withoutTags(given.text)), null, -1), text(' ')).text));
  },
  urlencode: (run, value) => {
    if (!(value instanceof Dict || value instanceof List || value instanceof View)) {
      const given = str(run, value);
      return given.derive(urlQuoted(given.text).replaceAll('%2F', '/'));
    }
    const part = (item: Value | undefined) => {
      const given = str(run, item ?? none);
      return given.derive(urlQuoted(given.text).replaceAll('%20', '+'));
    };
    const pairs = value instanceof Dict ? [...value.entries.values()] : value.items.map((item) => iterate(run, item));
    if (pairs.some((pair) => pair.length !== 2)) return run.fail('expected pairs of name and value to encode');
    const parts = pairs.map(([key, item]) => concat(run, [part(key), text('='), part(item)]));
    return joined(run, parts, text('&'));
  },
  xmlattr: (run, value, args) => attributes(run, value, args('autospace').flag('autospace', true)),
};

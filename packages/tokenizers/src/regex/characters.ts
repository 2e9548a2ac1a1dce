import { unitsAt, utf8Length } from '../text/unicode';

/** The place one character before another, -1 before the first. */
export function placeBefore(text: string, at: number): number {
  return at > 1 && unitsAt(text, at - 2) === 2 ? at - 2 : at - 1;
}

/** Whether a text is a group's again but for case. Oniguruma reads as many bytes of UTF-8 as the group has. */
export function sameFolded(group: string, text: string): boolean {
  const same = group.toLowerCase() === text.toLowerCase() || group.toUpperCase() === text.toUpperCase();
  return same && group.length === text.length && bytesOf(text) <= bytesOf(group);
}

function bytesOf(text: string): number {
  let bytes = 0;
  for (const char of text) bytes += utf8Length(char.codePointAt(0) as number);
  return bytes;
}

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { byteLevel, splitText } from '@tessera-llm/tokenizers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TextSource, type TextUnit } from './text-source';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tessera-texts-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function read(content: string, unit: TextUnit): Promise<string[]> {
  const file = join(folder, 'text.txt');
  await writeFile(file, content);
  const source = new TextSource([file]);
  await source.check();
  const texts: string[] = [];
  for await (const text of source.texts(unit)) texts.push(text);
  expect(source.bytesRead).toBe(source.bytesTotal);
  return texts;
}

describe('TextSource', () => {
  // Characters of 1 to 4 bytes, so that reads end inside of them.
  const prose = 'The “quick” fox — 狐狸 🦊 jumps.\n\nOver   it,\n  twice; naïve\tdogs sleep \n'.repeat(60_000);

  it('hands a file over in pieces that are cut where no word is', async () => {
    const pieces = await read(prose, 'file');
    expect(pieces.length).toBeGreaterThan(2);
    expect(pieces.every((piece) => piece.length < 1 << 21)).toBe(true);
    expect(pieces.join('')).toBe(prose);
    for (const [i, piece] of pieces.slice(1).entries()) {
      const around = [(pieces[i] as string).slice(-200), piece.slice(0, 200)] as const;
      const words = (text: string) => splitText(byteLevel(), text).map((word) => word.text);
      expect([...words(around[0]), ...words(around[1])]).toEqual(words(around[0] + around[1]));
    }
  });

  it('cuts what has no such place where characters end', async () => {
    const text = '狐🦊'.repeat(2_000_000);
    const pieces = await read(text, 'file');
    expect(pieces.length).toBeGreaterThan(1);
    expect(pieces.every((piece) => !/^[\udc00-\udfff]|[\ud800-\udbff]$/.test(piece))).toBe(true);
    expect(pieces.join('') === text).toBe(true);
  });

  it('gives lines without their ends, also the last one', async () => {
    expect(await read('one\r\n\ntwo  \nthree', 'line')).toEqual(['one', 'two  ', 'three']);
    expect(await read(prose, 'line')).toEqual(prose.split('\n').filter((line) => line !== ''));
  });

  it('cuts a line without end between characters', async () => {
    const text = '🦊'.repeat(2_200_000);
    const pieces = await read(text, 'line');
    expect(pieces.length).toBeGreaterThan(1);
    expect(pieces.every((piece) => !/^[\udc00-\udfff]|[\ud800-\udbff]$/.test(piece))).toBe(true);
    expect(pieces.join('') === text).toBe(true);
  });
});

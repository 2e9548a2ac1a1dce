import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cutText, readCorpus, splitDocuments } from './corpus.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tessera-corpus-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('the corpus', () => {
  it('holds 11 of the 233 addresses out', async () => {
    const { train, heldOut } = await readCorpus(null);
    expect([train.length, heldOut.length]).toEqual([222, 11]);
    expect(train[0]).toMatch(/^Fellow-Citizens/i);
    const bytes = heldOut.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
    expect(bytes).toBe(517_470);
  });

  it('holds every twentieth document out', () => {
    const { train, heldOut } = splitDocuments(
      Array.from({ length: 45 }, (_, i) => `${i}`),
      'a test',
    );
    expect(heldOut).toEqual(['19', '39']);
    expect(train).toHaveLength(43);
    expect(() => splitDocuments(['one'], 'a test')).toThrow(/at least 20 documents in a test.*got 1/);
  });

  it('cuts a text between paragraphs and loses nothing', () => {
    const text = Array.from({ length: 90 }, (_, i) => `Paragraph ${i} has ${'a few words '.repeat(6)}.\n\n`).join('');
    const documents = cutText(text);
    expect(documents.length).toBeGreaterThanOrEqual(20);
    expect(documents.join('')).toBe(text);
    expect(documents.every((d) => d.startsWith('Paragraph'))).toBe(true);
  });

  it('refuses files that are no text', async () => {
    const file = join(folder, 'x');
    await writeFile(file, ' \n');
    await expect(readCorpus(file)).rejects.toThrow(/empty file/);
    await writeFile(file, Uint8Array.of(0x66, 0xff));
    await expect(readCorpus(file)).rejects.toThrow(/UTF-8/);
    await expect(readCorpus(join(folder, 'none'))).rejects.toThrow(/none/);
  });
});

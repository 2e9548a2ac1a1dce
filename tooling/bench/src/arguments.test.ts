import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readArguments } from './arguments';

describe('readArguments', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'bench-arguments-'));
    writeFileSync(join(folder, 'file'), '');
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it('chooses areas and resolves paths', async () => {
    const json = join(folder, 'rows.json');
    const got = await readArguments(['attention', '--repeat', '3', '--json', json, '--python', 'python3']);
    expect(got.chosen.map(({ name }) => name)).toEqual(['attention']);
    expect(got).toMatchObject({ repeat: 3, json, python: 'python3', nodePeers: null, model: null });
    expect((await readArguments([])).chosen.length).toBeGreaterThan(5);
  });

  it('says before anything is measured what is not there', async () => {
    const refused = (args: string[], text: string) => expect(readArguments(args)).rejects.toThrow(text);
    await refused(['walking'], 'expected areas out of');
    await refused(['--repeat', '0'], '--repeat of at least 1, got 0');
    await refused(['--python', join(folder, 'python')], '--python to be an interpreter');
    await refused(['--node-peers', join(folder, 'file')], '--node-peers to be a folder');
    await refused(['--model', join(folder, 'none.gguf')], '--model to be a GGUF file or a model folder');
    await refused(['--json', folder], '--json to be a file');
    await refused(['--json', join(folder, 'none', 'rows.json')], '--json to be in a folder that exists');
    // A name that leaves no room for the file beside it fails as a folder without permission does, for every user.
    await refused(['--json', join(folder, 'x'.repeat(255))], '--json to be a file that can be written');
    await refused(['--bogus'], "Unknown option '--bogus'");
  });
});

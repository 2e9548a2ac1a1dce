import { spawn } from 'node:child_process';
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readLog } from '@tessera-llm/training';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tessera-quickstart-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const workspace = (path: string): string => fileURLToPath(new URL(`../../../${path}`, import.meta.url));
const logOf = async (file: string) => (await readLog(file)).map(({ clock: _clock, ...rest }) => rest);

describe.skipIf(process.platform === 'win32')('Ctrl-C', () => {
  // The build: Ctrl-C is a matter of a whole process.
  const quickstart = workspace('apps/quickstart/dist/main.js');

  /** The quickstart on a text of the repository; interrupted when it reports the given step. */
  function run(out: string, interruptAfter?: number): Promise<{ code: number | null; stdout: string; stderr: string }> {
    const args = [
      '--size',
      'tiny',
      '--steps',
      '40',
      '--text',
      workspace('LICENSE'),
      '--backend',
      'reference',
      '--out',
      out,
    ];
    const child = spawn(process.execPath, [quickstart, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    const written = { stdout: '', stderr: '' };
    let sent = false;
    child.stdout.on('data', (text) => {
      written.stdout += text;
    });
    child.stderr.on('data', (text) => {
      written.stderr += text;
      if (interruptAfter === undefined || sent || !written.stderr.includes(`after ${interruptAfter} steps`)) return;
      sent = true;
      child.kill('SIGINT');
    });
    return new Promise((resolve) => child.on('close', (code) => resolve({ code, ...written })));
  }

  it('saves the last completed step; the same command goes on, and ends as an uninterrupted run does', async () => {
    const whole = await run(join(folder, 'whole'));
    expect(whole.code).toBe(0);
    const first = await run(join(folder, 'parts'), 14);
    expect(first.code).toBe(130);
    expect(first.stderr).toMatch(/stopped after \d+ of 40 steps and saved/);
    const second = await run(join(folder, 'parts'));
    expect(second.code).toBe(0);
    expect(second.stderr).toMatch(/from step \d+/);
    expect(await logOf(join(folder, 'parts', 'log.jsonl'))).toEqual(await logOf(join(folder, 'whole', 'log.jsonl')));
    const newest = (await readdir(join(folder, 'whole', 'checkpoints'))).sort().at(-1) ?? '';
    for (const name of ['model/model.safetensors', `checkpoints/${newest}/optimizer/model.safetensors`]) {
      const [a, b] = await Promise.all(['whole', 'parts'].map((run) => readFile(join(folder, run, name))));
      expect(a?.equals(b ?? Buffer.alloc(0))).toBe(true);
    }
    const seconds = z.object({ seconds: z.unknown() });
    const report = (stdout: string) => {
      const {
        seconds: _seconds,
        folder: _folder,
        ...rest
      } = { folder: '', ...seconds.loose().parse(JSON.parse(stdout)) };
      return rest;
    };
    expect(report(second.stdout)).toEqual(report(whole.stdout));
  }, 240_000);
});

import { appendFile, mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { RunLog, readLog } from './log';

let path: string;
beforeEach(async () => {
  path = join(await mkdtemp(join(tmpdir(), 'tessera-log-')), 'log.jsonl');
});

describe('RunLog', () => {
  it('writes a JSON object per line', async () => {
    const log = await RunLog.create(path);
    await log.write({ type: 'step', step: 1, loss: 2.5 });
    await log.write({ type: 'eval', step: 1, loss: Number.NaN });
    await log.close();
    expect(await readFile(path, 'utf8')).toBe(
      '{"type":"step","step":1,"loss":2.5}\n{"type":"eval","step":1,"loss":null}\n',
    );
  });

  it('is cut back to a step, byte for byte, with a torn tail removed', async () => {
    const log = await RunLog.create(path);
    for (const step of [1, 2, 3]) await log.write({ type: 'step', step, loss: 1 / step });
    await log.close();
    const before = (await readFile(path, 'utf8')).split('\n').slice(0, 2).join('\n');
    await appendFile(path, '{"type":"st');
    const resumed = await RunLog.resume(path, ({ step }) => step <= 2);
    expect(await readFile(path, 'utf8')).toBe(`${before}\n`);
    await resumed.write({ type: 'step', step: 3 });
    await resumed.sync();
    await resumed.close();
    expect((await readLog(path)).map((r) => r.step)).toEqual([1, 2, 3]);
  });

  it('says what is missing', async () => {
    await expect(RunLog.resume(path, () => true)).rejects.toMatchObject({ code: 'log' });
    await expect(readLog(path)).rejects.toMatchObject({ code: 'log' });
    await expect(RunLog.create(join(path, 'no', 'such', 'folder'))).rejects.toThrow();
  });
});

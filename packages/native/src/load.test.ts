import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { loadNative, platformPackage } from './load';

const native = loadNative();

/** Runs the body in a worker that has loaded the addon as `addon`; gives what it returns. */
function inWorker(file: string, body: string, data?: unknown): Promise<unknown> {
  const source = `
    const { createRequire } = require('node:module');
    const { parentPort, workerData } = require('node:worker_threads');
    const addon = createRequire(workerData.file)(workerData.file);
    const data = workerData.data;
    parentPort.postMessage((() => { ${body} })());`;
  return new Promise((resolve, reject) => {
    const worker = new Worker(source, { eval: true, workerData: { file, data } });
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}

/** Counts up to n over all threads and gives the last number. */
const countUp = `
  const block = addon.allocate(4 * 100000);
  addon.args[0] = block; addon.args[1] = 100000;
  addon.run(addon.kernels.count_up);
  const last = new Int32Array(addon.view(block))[99999];`;

describe('loadNative', () => {
  it('gives the addon or a reason, the same each time', () => {
    expect(loadNative()).toBe(native);
    if (!native.ok) expect(native.reason).not.toBe('');
  });

  it('names the package of this platform', () => {
    expect(platformPackage()).toMatch(/^@tessera-llm\/native-[a-z0-9]+-[a-z0-9]+(-gnu|-musl)?$/);
  });

  it('leaves the settings of the process alone', () => {
    for (const setting of [false, true]) {
      Reflect.set(process.report, 'excludeNetwork', setting);
      platformPackage();
      expect(Reflect.get(process.report, 'excludeNetwork')).toBe(setting);
    }
    Reflect.set(process.report, 'excludeNetwork', false);
  });

  it('gives a reason where a manifest above the module is no JSON', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tessera-load-'));
    try {
      copyFileSync(fileURLToPath(new URL('load.ts', import.meta.url)), join(folder, 'load.ts'));
      const copy: typeof import('./load') = await import(/* @vite-ignore */ join(folder, 'load.ts'));
      writeFileSync(join(folder, 'package.json'), '{ "name": ');
      expect(copy.loadNative()).toMatchObject({ ok: false, reason: expect.stringContaining('JSON') });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe.skipIf(!native.ok)('the addon', () => {
  if (!native.ok) return;
  const { addon, file } = native;

  it('checks addresses, ranges and kernel numbers instead of crashing', () => {
    const block = addon.allocate(16);
    expect(() => addon.release(12345)).toThrow('live block');
    expect(() => addon.read(block, 8, new Uint8Array(16))).toThrow('inside the block');
    expect(() => addon.write(block, -1, new Uint8Array(1))).toThrow('inside the block');
    expect(() => addon.allocate(-1)).toThrow('number of bytes');
    expect(() => addon.setThreads(0)).toThrow('1 to 256');
    expect(addon.allocate(2 ** 60)).toBe(0);
    expect(addon.run(-1)).toBe(5);
    expect(addon.lastError()).toContain('kernel number');
    addon.release(block);
    expect(() => addon.release(block)).toThrow('live block');
  });

  it('a detached view has no bytes', () => {
    const block = addon.allocate(16);
    const view = addon.view(block);
    expect(view.byteLength).toBe(16);
    addon.detach(view);
    expect(view.byteLength).toBe(0);
    addon.release(block);
  });

  it('works in a worker, and a worker that ends gives its memory back', async () => {
    addon.memory();
    const before = addon.args[0];
    expect(await inWorker(file, `${countUp} return last;`)).toBe(99_999);
    // The environment closes after the message; a second worker's start and end give it the time.
    await inWorker(file, 'return 0;');
    await new Promise((resolve) => setTimeout(resolve, 200));
    addon.memory();
    expect(addon.args[0]).toBe(before);
  });

  it('shares memory between threads without a copy', async () => {
    const block = addon.allocate(8);
    addon.write(block, 0, Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8));
    const body = `
      const block = addon.attach(data);
      const bytes = new Uint8Array(addon.args[0]);
      addon.read(block, 0, bytes);
      addon.write(block, 0, Uint8Array.of(9));
      return [...bytes];`;
    expect(await inWorker(file, body, addon.share(block))).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    const bytes = new Uint8Array(8);
    addon.read(block, 0, bytes);
    expect(bytes[0]).toBe(9);
    addon.release(block);
  });

  it('survives 100 workers terminated while kernels run', async () => {
    const loop = `parentPort.postMessage('ready'); for (;;) { ${countUp} addon.release(block); }`;
    for (let i = 0; i < 100; i++) {
      const source = `
        const { createRequire } = require('node:module');
        const { parentPort, workerData } = require('node:worker_threads');
        const addon = createRequire(workerData)(workerData);
        ${loop}`;
      const worker = new Worker(source, { eval: true, workerData: file });
      await new Promise((resolve, reject) => {
        worker.once('message', resolve);
        worker.once('error', reject);
      });
      await worker.terminate();
    }
    addon.args[0] = addon.allocate(4 * 1000);
    addon.args[1] = 1000;
    const block = addon.args[0];
    expect(addon.run(addon.kernels.count_up as number)).toBeUndefined();
    addon.release(block);
  });
});

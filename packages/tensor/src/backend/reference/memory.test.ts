import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { TensorError } from '../../errors';
import { createReferenceBackend } from './index';

describe('memory of the reference backend', () => {
  it('counts live bytes and their peak', () => {
    const backend = createReferenceBackend();
    const a = backend.kernels.fill([4], 'float32', 1);
    const b = backend.kernels.fill([3], 'bfloat16', 1);
    expect(backend.memory()).toMatchObject({ liveBytes: 22, peakBytes: 22 });
    backend.free(a.block);
    backend.free(a.block); // twice is once
    expect(backend.memory()).toMatchObject({ liveBytes: 6, peakBytes: 22 });
    backend.resetPeak();
    expect(backend.memory().peakBytes).toBe(6);
    backend.free(b.block);
    expect(backend.memory().liveBytes).toBe(0);
  });

  it('copies what goes in and out', async () => {
    const backend = createReferenceBackend();
    const bytes = Uint8Array.of(1, 2, 3, 4);
    const block = backend.upload(bytes);
    bytes[0] = 9;
    const got = await backend.read(block, 0, 4);
    got[1] = 9;
    backend.write(block, 2, Uint8Array.of(7));
    expect([...backend.readSync(block, 0, 4)]).toEqual([1, 2, 7, 4]);
  });

  it('refuses freed memory, foreign memory and bytes outside', () => {
    const backend = createReferenceBackend();
    const block = backend.upload(Uint8Array.of(1));
    expect(() => backend.readSync(block, 0, 2)).toThrow(/within 0 … 1/);
    expect(() => backend.write(block, -1, Uint8Array.of(1))).toThrow(TensorError);
    backend.free(block);
    expect(() => backend.readSync(block, 0, 1)).toThrow(/was freed/);
    expect(() => backend.readSync({ byteLength: 1 }, 0, 1)).toThrow(/another backend/);
  });

  it('says so when there is no more', () => {
    const backend = createReferenceBackend();
    expect(() => backend.kernels.fill([2 ** 50], 'float32', 0)).toThrow(/could not allocate 4503599627370496 bytes/);
    expect(backend.memory().liveBytes).toBe(0);
  });

  it('shares one copy: both sides see writes, and free on their own', () => {
    const [here, there] = [createReferenceBackend(), createReferenceBackend()];
    const x = here.kernels.fill([2], 'float32', 1);
    const handle = here.share(x.block);
    expect(here.share(x.block)).toEqual(handle);
    const block = there.attach(structuredClone(handle));
    const same = { ...x, block };
    here.kernels.addInPlace(x, x);
    expect([...new Float32Array(there.readSync(block, 0, 8).buffer)]).toEqual([2, 2]);
    there.kernels.addInPlace(same, same);
    there.free(block);
    expect([...new Float32Array(here.readSync(x.block, 0, 8).buffer)]).toEqual([4, 4]);
    expect(there.memory().liveBytes).toBe(0);
    expect(() => there.attach({ kind: 'native', handle: 1n, byteLength: 4 })).toThrow(/shared buffer/);
  });

  it('shares with another thread', async () => {
    const backend = createReferenceBackend();
    const x = backend.kernels.fill([2], 'float32', 3);
    const handle = backend.share(x.block);
    const source = `
      const { parentPort, workerData } = require('node:worker_threads');
      const values = new Float32Array(workerData.buffer);
      values[1] = values[0] + 1;
      parentPort.postMessage('done');`;
    const worker = new Worker(source, { eval: true, workerData: handle });
    await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
    await worker.terminate();
    expect([...new Float32Array(backend.readSync(x.block, 0, 8).buffer)]).toEqual([3, 4]);
  });
});

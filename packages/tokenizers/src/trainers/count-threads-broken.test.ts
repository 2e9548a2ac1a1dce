import { setTimeout } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import { trainBpe } from '../index';
import { countInThreads } from './count-threads';

vi.mock('node:worker_threads', async () => {
  const { EventEmitter } = await import('node:events');
  /** A thread that ends at once, as one whose file a bundler left out. */
  class BrokenWorker extends EventEmitter {
    constructor() {
      super();
      setImmediate(() => this.emit('error', new Error('no such file')));
    }
    postMessage(): void {}
    async terminate(): Promise<void> {}
  }
  return { Worker: BrokenWorker };
});

describe('countInThreads where threads break', () => {
  it.each([0, 50])('fails, also if no text was under way (first text after %d ms)', async (wait) => {
    async function* texts() {
      await setTimeout(wait);
      for (let i = 0; i < 5; i++) yield 'low lower lowest';
    }
    const training = trainBpe(texts(), { vocabSize: 260, counter: countInThreads({ threads: 2 }) });
    await expect(training).rejects.toMatchObject({
      code: 'worker_failed',
      message: expect.stringMatching('no such file'),
    });
  });
});

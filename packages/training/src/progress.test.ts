import { describe, expect, it } from 'vitest';
import { Progress } from './progress';

function recorder(isTTY: boolean, columns = 200) {
  const written: string[] = [];
  return { written, stream: { isTTY, columns, write: (text: string) => written.push(text) } };
}

describe('Progress', () => {
  it('writes plain lines at intervals and at the end when the stream is no terminal', () => {
    const { written, stream } = recorder(false);
    let clock = 0;
    const progress = new Progress({ steps: 40, stream, every: 10, now: () => clock });
    for (let step = 1; step <= 40; step++) {
      clock += 1;
      progress.step({ step, loss: 5 - step / 10, tokens: 2000 });
    }
    expect(written).toHaveLength(5); // steps 1, 11, 21, 31 and the last
    expect(written[1]).toMatch(/^step 11\/40 {2}loss 3\.900 {2}2\.00k tokens\/s {2}29s left {2}█.*▁\n$/);
    expect(written.join('')).not.toContain('\r');
  });

  it('redraws one line of at most the width of a terminal', () => {
    const { written, stream } = recorder(true, 30);
    let clock = 0;
    const progress = new Progress({ steps: 3, stream, now: () => clock });
    for (let step = 1; step <= 2; step++) {
      clock += 1;
      progress.step({ step, loss: 1, tokens: 10 });
    }
    expect(written.every((text) => text.startsWith('\r\u001b[K') && text.length <= 4 + 29)).toBe(true);
    progress.note('saved');
    expect(written.at(-1)).toBe('\r\u001b[Ksaved\n');
    progress.note('again');
    expect(written.at(-1)).toBe('again\n');
    clock += 1;
    progress.step({ step: 3, loss: 1, tokens: 10 });
    expect(written.at(-1)).toBe('\n');
  });

  it('does not count pauses into the rate', () => {
    const { written, stream } = recorder(false);
    let clock = 0;
    const progress = new Progress({ steps: 4, stream, every: 0, now: () => clock });
    clock = 1;
    progress.step({ step: 1, loss: 1, tokens: 100 });
    clock = 101;
    progress.pause(100);
    clock = 102;
    progress.step({ step: 2, loss: 1, tokens: 100 });
    expect(written[1]).toContain('100 tokens/s  2s left');
  });
});

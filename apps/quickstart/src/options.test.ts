import { describe, expect, it } from 'vitest';
import { fittingSteps } from './calibrate.js';
import { parseOptions, presets } from './options.js';

describe('options', () => {
  it('have defaults', () => {
    expect(parseOptions([])).toMatchObject({ size: null, steps: null, text: null, backend: null });
    expect(parseOptions(['--help'])).toBe('help');
    expect(parseOptions(['--size', 'tiny', '--steps', '7'])).toMatchObject({ size: 'tiny', steps: 7 });
  });

  it.each([[['--size', 'huge']], [['--steps', '0']], [['--steps', 'x']], [['--unknown']], [['stray']]])(
    'refuse %j',
    (args) => {
      expect(() => parseOptions(args)).toThrow();
    },
  );
});

describe('fittingSteps', () => {
  const { small } = presets;

  it('fills the time with steps of the median duration', () => {
    expect(fittingSteps(small, [9, 0.12, 0.12])).toBe(1500);
  });

  it('stays within the bounds', () => {
    expect(fittingSteps(small, [60])).toBe(small.leastSteps);
    expect(fittingSteps(small, [1e-6])).toBe(small.mostSteps);
  });
});

import { expect, it } from 'vitest';
import { formatCount, formatDuration } from './format';

it('formats durations', () => {
  expect([0, 59.4, 59.6, 125, 3600, 3785].map(formatDuration)).toEqual([
    '0s',
    '59s',
    '1m 00s',
    '2m 05s',
    '1h 00m',
    '1h 03m',
  ]);
  expect([Number.NaN, Number.POSITIVE_INFINITY, -1].map(formatDuration)).toEqual(['?', '?', '?']);
});

it('formats counts in three digits', () => {
  expect([0, 999, 1000, 12_345, 123_456, 999_500, 4_560_000, 2e9].map(formatCount)).toEqual([
    '0',
    '999',
    '1.00k',
    '12.3k',
    '123k',
    '1.00M',
    '4.56M',
    '2.00G',
  ]);
});

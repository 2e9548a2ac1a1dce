import { describe, expect, it } from 'vitest';
import { TokenizerError } from './errors';

describe('TokenizerError', () => {
  it('has a code, a name and a cause', () => {
    const cause = new Error('why');
    const error = new TokenizerError('invalid_file', 'what', { cause });
    expect([error.name, error.code, error.message, error.cause]).toEqual([
      'TokenizerError',
      'invalid_file',
      'what',
      cause,
    ]);
  });

  it('is known by its brand, also from another copy of the package', () => {
    const other = Object.assign(new Error('x'), { [Symbol.for('tessera.tokenizers.error')]: true });
    expect(other instanceof TokenizerError).toBe(true);
    expect((new Error('x') as unknown) instanceof TokenizerError).toBe(false);
    expect((null as unknown) instanceof TokenizerError).toBe(false);
  });
});

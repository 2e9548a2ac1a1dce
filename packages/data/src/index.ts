export { DataError, type DataErrorCode } from './errors.js';
export { readTokenIndex, type TokenIndex } from './index-file.js';
export { TokenLoader, type TokenLoaderOptions, type TokenLoaderState } from './loader.js';
export { type OpenTokensOptions, openTokens } from './open-tokens.js';
export { permutation } from './permutation.js';
export { readTextFiles } from './read-texts.js';
export type { TokenBatch } from './token-batch.js';
export { type TokenSource, tokensFromArrays } from './token-source.js';
export type { DocumentMode } from './units.js';
export { validationBatches } from './validation.js';
export {
  type Encoder,
  type WriteTokenIdsOptions,
  type WriteTokensOptions,
  writeTokenIds,
  writeTokens,
} from './write-tokens.js';

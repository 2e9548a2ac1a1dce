export { DataError, type DataErrorCode } from './errors.js';
export { readTokenIndex, type TokenIndex } from './index-file.js';
export {
  type TokenBatch,
  TokenLoader,
  type TokenLoaderOptions,
  type TokenLoaderState,
  validationBatches,
} from './loader.js';
export { type OpenTokensOptions, openTokens } from './open-tokens.js';
export { permutation } from './permutation.js';
export { readTextFiles } from './read-texts.js';
export { type TokenSource, tokensFromArrays } from './token-source.js';
export type { DocumentMode } from './units.js';
export {
  type Encoder,
  type WriteTokenIdsOptions,
  type WriteTokensOptions,
  writeTokenIds,
  writeTokens,
} from './write-tokens.js';

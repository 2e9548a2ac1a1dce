export { CliError, type CliErrorCode, describeError, exitCodes } from './errors';
export { type Environment, main } from './main';
export type { Streams } from './output';

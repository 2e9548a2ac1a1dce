import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { hfFiles } from '@tessera-llm/formats';
import { CliError } from '../errors';

/**
 * The path of a model as it was given, refused if it is the folder of a run: that holds several models, in `model/` and
 * in each checkpoint.
 *
 * @throws CliError `usage`
 */
export function modelPath(path: string): string {
  if (existsSync(join(path, hfFiles.config)) || !existsSync(join(path, 'run.json'))) return path;
  const done = join(path, 'model');
  const where = existsSync(done) ? `its model is ${done}` : `its models are in ${join(path, 'checkpoints')}`;
  throw new CliError('usage', `expected a model, got the folder of a run, ${path}; ${where}`);
}

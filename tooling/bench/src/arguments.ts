import { rm, stat, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { areas } from './areas';

export const usage = `npm run -s bench -- [AREA …] [options]

  --python PYTHON      interpreter with PyTorch, transformers, PEFT, tiktoken: peers
  --node-peers FOLDER  folder outside the workspace with node-llama-cpp and the like: peers
  --model FILE         measure this GGUF file or model folder instead of random weights
  --case SUBSTRING     only cases whose name has it
  --repeat N           repetitions of each side; default 5
  --json FILE          write the rows
  --list               name areas and cases and stop
`;

/** What is at a path; null: nothing. */
async function kindAt(path: string): Promise<'file' | 'folder' | null> {
  try {
    return (await stat(path)).isDirectory() ? 'folder' : 'file';
  } catch {
    return null;
  }
}

/** Throws unless a file can be made beside `json`: what the system allows is known only by doing it. */
async function checkWritable(json: string): Promise<void> {
  const beside = `${json}.${process.pid}.tmp`;
  try {
    await writeFile(beside, '');
    await rm(beside);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`[bench] expected --json to be a file that can be written, got ${json}: ${why}`);
  }
}

/** Throws unless there is what an option names: later it would cost a whole run. */
async function checkPaths(options: {
  readonly python: string | null;
  readonly nodePeers: string | null;
  readonly model: string | null;
  readonly json: string | null;
}): Promise<void> {
  const { python, nodePeers, model, json } = options;
  const want = async (option: string, path: string | null, kinds: readonly (string | null)[], what: string) => {
    if (path !== null && !kinds.includes(await kindAt(path))) {
      throw new Error(`[bench] expected ${option} to be ${what}, got ${path}`);
    }
  };
  // A bare name is looked up by the system.
  await want('--python', python?.includes('/') ? python : null, ['file'], 'an interpreter');
  await want('--node-peers', nodePeers, ['folder'], 'a folder');
  await want('--model', model, ['file', 'folder'], 'a GGUF file or a model folder');
  await want('--json', json, ['file', null], 'a file');
  await want('--json', json && dirname(json), ['folder'], 'in a folder that exists');
  if (json !== null) await checkWritable(json);
}

/**
 * The command line with its paths resolved.
 *
 * @throws Error saying what is wrong with it.
 */
export async function readArguments(args: readonly string[]) {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      python: { type: 'string' },
      'node-peers': { type: 'string' },
      model: { type: 'string' },
      case: { type: 'string', default: '' },
      repeat: { type: 'string', default: '5' },
      json: { type: 'string' },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const repeat = Number(values.repeat);
  if (!Number.isInteger(repeat) || repeat < 1) {
    throw new Error(`[bench] expected --repeat of at least 1, got ${values.repeat}`);
  }
  const names = areas.map(({ name }) => name);
  const unknown = positionals.filter((name) => !names.includes(name));
  if (unknown.length > 0) {
    throw new Error(`[bench] expected areas out of ${names.join(', ')}, got ${unknown.join(', ')}`);
  }
  const path = (given: string | undefined): string | null => (given === undefined ? null : resolve(given));
  const { python, list, help } = values;
  const paths = {
    python: python?.includes('/') ? resolve(python) : (python ?? null),
    nodePeers: path(values['node-peers']),
    model: path(values.model),
    json: path(values.json),
  };
  await checkPaths(paths);
  const chosen = positionals.length === 0 ? areas : areas.filter(({ name }) => positionals.includes(name));
  return { ...paths, list, help, repeat, substring: values.case, chosen };
}

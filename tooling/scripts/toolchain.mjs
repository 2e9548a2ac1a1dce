// What every script here needs: the checkout, the pinned pnpm, the install and the build. Node's own modules only,
// because it runs before anything is installed.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The checkout's root. */
export const root = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** A JSON file of the checkout. */
export const readJson = (file) => JSON.parse(readFileSync(file, 'utf8'));

const manifest = readJson(join(root, 'package.json'));
const pnpmVersion = manifest.packageManager.split('@')[1].split('+')[0];

/** npm's own entry, so that no shell and no .cmd file is needed on Windows. */
export function npmEntry() {
  const given = process.env.npm_execpath;
  if (given?.endsWith('npm-cli.js')) return given;
  const beside = [
    join(dirname(process.execPath), 'node_modules', 'npm', 'bin', 'npm-cli.js'),
    join(dirname(process.execPath), '..', 'lib', 'node_modules', 'npm', 'bin', 'npm-cli.js'),
    join(dirname(process.execPath), '..', 'share', 'nodejs', 'npm', 'bin', 'npm-cli.js'),
  ];
  const found = beside.find((file) => existsSync(file));
  if (!found) throw new Error('npm was not found beside Node; start this with `npm run …`');
  return found;
}

/**
 * Runs a program and gives its exit code. `quiet` sends its output to standard error, so that standard output stays
 * the command's own.
 */
export function run(command, args, { cwd = root, env = {}, quiet = false, stdin = 'inherit' } = {}) {
  return new Promise((done, failed) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: [stdin, quiet ? 2 : 'inherit', 'inherit'],
    });
    // The child gets the terminal's Ctrl-C itself; this process waits for it to finish its work.
    const wait = () => {};
    process.on('SIGINT', wait);
    // A signal sent to this process alone goes on to the child.
    const forward = () => child.kill('SIGTERM');
    process.on('SIGTERM', forward);
    child.on('error', failed);
    child.on('close', (code, signal) => {
      process.off('SIGINT', wait);
      process.off('SIGTERM', forward);
      done(code ?? (signal === 'SIGINT' ? 130 : 1));
    });
  });
}

/** Runs the pinned pnpm, brought by npm. */
export function pnpm(args, options = {}) {
  const env = { TURBO_TELEMETRY_DISABLED: '1', DO_NOT_TRACK: '1', npm_config_loglevel: 'error', ...options.env };
  return run(process.execPath, [npmEntry(), 'exec', '--yes', '--', `pnpm@${pnpmVersion}`, ...args], {
    ...options,
    env,
  });
}

/** Runs an installed program through pnpm, which puts itself on the path of what needs it (turbo, publint). */
export function pnpmExec(args, options = {}) {
  return pnpm(['exec', ...args], options);
}

/** Folders of all workspace packages. */
export function packageFolders(groups = ['packages', 'apps', 'tooling']) {
  return groups.flatMap((group) =>
    existsSync(join(root, group))
      ? readdirSync(join(root, group))
          .map((name) => join(root, group, name))
          .filter((folder) => existsSync(join(folder, 'package.json')))
      : [],
  );
}

const stampFile = (name) => join(root, 'node_modules', '.tessera', name);

function stamped(name, value) {
  const file = stampFile(name);
  return existsSync(file) && readFileSync(file, 'utf8') === value;
}

function stamp(name, value) {
  mkdirSync(dirname(stampFile(name)), { recursive: true });
  writeFileSync(stampFile(name), value);
}

function listSources(folder, into) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (['node_modules', 'dist', 'build', '.turbo', 'coverage'].includes(entry.name)) continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) listSources(path, into);
    else {
      const { size, mtimeMs } = statSync(path);
      into.push(`${path} ${size} ${mtimeMs}`);
    }
  }
  return into;
}

/** Installs what the lockfile names, unless that was done already. */
export async function install({ quiet = false } = {}) {
  const hash = createHash('sha256');
  for (const file of [join(root, 'pnpm-lock.yaml'), ...packageFolders().map((f) => join(f, 'package.json'))]) {
    hash.update(readFileSync(file));
  }
  const value = hash.digest('hex');
  if (existsSync(join(root, 'node_modules', '.pnpm')) && stamped('install', value)) return;
  process.stderr.write('tessera: installing the dependencies of the workspace\n');
  // Only errors: pnpm warns of every platform package that is not for this machine.
  const code = await pnpm(['install', '--frozen-lockfile', '--loglevel=error'], { quiet, env: { CI: 'true' } });
  if (code !== 0) throw new Error(`pnpm install ended with ${code}`);
  stamp('install', value);
}

/** Installs and builds every package, unless nothing changed since the last time. */
export async function prepare({ quiet = false, force = false } = {}) {
  await install({ quiet });
  const hash = createHash('sha256')
    .update(process.env.CXX ?? '')
    .update(process.env.CXXFLAGS ?? '')
    .update(process.version);
  for (const line of packageFolders().flatMap((folder) => listSources(folder, []))) hash.update(line);
  const value = hash.digest('hex');
  if (!force && stamped('build', value)) return;
  process.stderr.write('tessera: building what changed\n');
  const code = await pnpmExec(['turbo', 'run', 'build', '--output-logs=errors-only', ...(force ? ['--force'] : [])], {
    quiet,
  });
  if (code !== 0) throw new Error(`the build ended with ${code}`);
  stamp('build', value);
}

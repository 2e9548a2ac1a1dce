// Writes the tarball of every public package, and of this platform's native package if the addon was built.
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { packageFolders, pnpm, readJson, root, run } from './toolchain.mjs';

/** Packs into `folder`; gives the exit code. Standard output gets one path a line. */
export async function pack(folder, { print = true } = {}) {
  if (!folder) {
    process.stderr.write('expected a folder: npm run -s pack -- DIR\n');
    return 2;
  }
  const target = resolve(process.env.INIT_CWD ?? process.cwd(), folder);
  mkdirSync(target, { recursive: true });
  const platforms = join(root, 'packages', 'native', 'npm');
  for (const name of readdirSync(platforms)) rmSync(join(platforms, name, 'tessera.node'), { force: true });
  const staged = await run(process.execPath, [join(root, 'packages', 'native', 'scripts', 'stage.mjs')], {
    quiet: true,
  });
  if (staged !== 0) return staged;
  const built = readdirSync(platforms)
    .map((name) => join(platforms, name))
    .filter((place) => existsSync(join(place, 'tessera.node')));
  for (const place of [...packageFolders(['packages']), ...built]) {
    const { name, version, private: hidden } = readJson(join(place, 'package.json'));
    if (hidden) continue;
    const file = join(target, `${name.replace('@', '').replace('/', '-')}-${version}.tgz`);
    rmSync(file, { force: true });
    const code = await pnpm(['pack', '--loglevel=error', '--out', file], { cwd: place, quiet: true });
    if (code !== 0) return code;
    if (!existsSync(file)) throw new Error(`pnpm pack did not write ${file}`);
    if (print) process.stdout.write(`${file}\n`);
  }
  return 0;
}

// Puts the addons that the release built on each platform into their packages: FOLDER/native-<platform>/tessera.node.
// Fails if one is missing, so that no release goes out without a platform.
import { copyFileSync, existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { root } from './toolchain.mjs';

const folder = resolve(process.argv[2] ?? 'prebuilt');
const packages = join(root, 'packages', 'native', 'npm');
const missing = [];
for (const platform of readdirSync(packages)) {
  const built = join(folder, `native-${platform}`, 'tessera.node');
  if (existsSync(built)) copyFileSync(built, join(packages, platform, 'tessera.node'));
  else missing.push(built);
}
if (missing.length > 0) {
  process.stderr.write(`prebuilt: missing ${missing.join(', ')}\n`);
  process.exitCode = 1;
}

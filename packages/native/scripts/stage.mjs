// Copies the addon built here into its platform package, npm/<platform>/tessera.node, ready to be packed.
import { copyFileSync, existsSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { platformPackage } from '../dist/index.js';
import { root } from './toolchain.mjs';

const built = join(root, 'build', 'Release', 'tessera.node');
const folder = join(root, 'npm', platformPackage().replace('@tessera-llm/native-', ''));
if (!existsSync(built) || !existsSync(folder)) {
  process.stdout.write(
    `native: nothing to stage (${existsSync(built) ? `no package ${folder}` : 'the addon is not built'})\n`,
  );
} else {
  const target = join(folder, 'tessera.node');
  copyFileSync(built, `${target}.tmp`);
  renameSync(`${target}.tmp`, target);
  process.stdout.write(`${folder}\n`);
}

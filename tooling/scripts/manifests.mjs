// What every published package must have besides what publint sees.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { packageFolders, readJson, root } from './toolchain.mjs';

const fixed = { license: 'Apache-2.0', engines: { node: readJson(join(root, 'package.json')).engines.node } };
const library = { type: 'module', sideEffects: false, files: ['dist'] };

function differences(manifest, wanted) {
  return Object.entries(wanted)
    .filter(([key, value]) => JSON.stringify(manifest[key]) !== JSON.stringify(value))
    .map(([key, value]) => `expected ${key} to be ${JSON.stringify(value)}, got ${JSON.stringify(manifest[key])}`);
}

function sections(readme) {
  return existsSync(readme) && readFileSync(readme, 'utf8').startsWith('# @tessera-llm/') ? [] : ['has no README.md'];
}

/** Gives the number of problems. */
export function checkManifests() {
  const platforms = join(root, 'packages', 'native', 'npm');
  const places = [
    ...packageFolders(['packages']).map((folder) => [folder, { ...fixed, ...library }]),
    ...readdirSync(platforms).map((name) => [join(platforms, name), { ...fixed, files: ['tessera.node'] }]),
  ];
  let problems = 0;
  for (const [folder, wanted] of places) {
    const manifest = readJson(join(folder, 'package.json'));
    const found = [...differences(manifest, wanted), ...sections(join(folder, 'README.md'))];
    const name = wanted.type ? basename(folder) : `native-${basename(folder)}`;
    if (manifest.name !== `@tessera-llm/${name}`)
      found.push(`expected the name @tessera-llm/${name}, got ${manifest.name}`);
    if (!manifest.description) found.push('has no description');
    for (const problem of found) process.stderr.write(`manifests: ${relative(root, folder)}: ${problem}\n`);
    problems += found.length;
  }
  return problems;
}

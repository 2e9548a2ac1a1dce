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
  if (!existsSync(readme)) return ['has no README.md'];
  const text = readFileSync(readme, 'utf8').replaceAll('\r\n', '\n');
  return text.startsWith('# @tessera-llm/') ? uninstalled(text) : ['has a README.md that does not begin with its name'];
}

/** Packages that the README's examples import and its `npm install` leaves out: who follows it can't run them. */
function uninstalled(readme) {
  const installed = [...readme.matchAll(/^npm install (.+)$/gm)].flatMap(([, names]) => names.split(' '));
  const examples = [...readme.matchAll(/^```ts\n([\s\S]*?)\n```/gm)].map(([, code]) => code).join('\n');
  const imported = [...examples.matchAll(/from '(@tessera-llm\/[a-z-]+)/g)].map(([, name]) => name);
  return [...new Set(imported)]
    .filter((name) => !installed.includes(name))
    .map((name) => `imports ${name} in an example of its README.md, which does not install it`);
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

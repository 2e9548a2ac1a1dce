// Checks tooling/layers.json against what packages import and what their manifests name, development included.
import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, relative, sep } from 'node:path';
import ts from 'typescript';
import { packageFolders, readJson, root } from './toolchain.mjs';

const scope = '@tessera-llm/';
const table = readJson(join(root, 'tooling', 'layers.json'));

/** Every package that `name` may import: those that the table names and whatever they may import. */
export function allowedFor(name, packages = table.packages) {
  const found = new Set();
  const visit = (key) => {
    for (const next of packages[key] ?? []) {
      if (found.has(next)) continue;
      found.add(next);
      visit(next);
    }
  };
  visit(name);
  return found;
}

function sources(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (['node_modules', 'dist', 'build', 'generated', 'npm'].includes(entry.name)) return [];
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return sources(path);
    return /\.(ts|mts|js|mjs)$/.test(entry.name) ? [path] : [];
  });
}

function problemsOfImport(specifier, file, folder, allowed, manifest) {
  if (specifier.startsWith('.')) {
    const target = relative(folder, join(dirname(file), specifier));
    return target.startsWith(`..${sep}`) ? [`imports ${specifier}, which lies outside its package`] : [];
  }
  if (!specifier.startsWith(scope)) return [];
  const [name, ...deep] = specifier.slice(scope.length).split('/');
  if (scope + name === manifest.name) return [];
  const problems = [];
  if (allowed && !allowed.has(name)) problems.push(`may not import ${specifier}`);
  if (!{ ...manifest.dependencies, ...manifest.devDependencies, ...manifest.optionalDependencies }[scope + name]) {
    problems.push(`imports ${specifier}, which its package.json does not name`);
  }
  if (deep[0] === 'src' || deep[0] === 'dist') problems.push(`imports the inside of a package: ${specifier}`);
  return problems;
}

/** Prints what breaks the table; gives the number of problems. */
export function checkLayers() {
  const problems = [];
  const developmentOnly = new Set(Object.keys(table.development));
  for (const folder of packageFolders()) {
    const manifest = readJson(join(folder, 'package.json'));
    const name = basename(folder);
    const group = basename(dirname(folder));
    const place = relative(root, folder);
    let allowed = null; // null: anything
    if (group === 'packages') {
      if (!table.packages[name]) problems.push(`${place}: tooling/layers.json does not name it`);
      allowed = table.packages[name]?.includes('*') ? null : new Set([...allowedFor(name), ...developmentOnly]);
    } else if (table.development[name]) {
      allowed = new Set([
        ...table.development[name],
        ...table.development[name].flatMap((n) => [...allowedFor(n)]),
        'config',
      ]);
    } else if (!table.unrestricted.includes(group)) {
      problems.push(`${place}: no rule for ${group}`);
    }
    for (const key of ['dependencies', 'peerDependencies', 'optionalDependencies', 'devDependencies']) {
      for (const dependency of Object.keys(manifest[key] ?? {})) {
        if (!dependency.startsWith(scope)) continue;
        const short = dependency.slice(scope.length);
        if (name === 'native' && short.startsWith('native-')) continue; // its prebuilt platform packages
        if (key === 'peerDependencies') problems.push(`${place}: ${dependency} is a peer; ours are dependencies`);
        if (group === 'packages' && key !== 'devDependencies' && developmentOnly.has(short)) {
          problems.push(`${place}: ${dependency} is for development only`);
        }
        if (allowed && !allowed.has(short)) problems.push(`${place}: ${key} may not name ${dependency}`);
      }
    }
    for (const file of sources(folder)) {
      const { importedFiles } = ts.preProcessFile(readFileSync(file, 'utf8'), true, true);
      for (const { fileName } of importedFiles) {
        for (const problem of problemsOfImport(fileName, file, folder, allowed, manifest)) {
          problems.push(`${relative(root, file)}: ${problem}`);
        }
      }
    }
  }
  for (const problem of problems) process.stderr.write(`layers: ${problem}\n`);
  return problems.length;
}

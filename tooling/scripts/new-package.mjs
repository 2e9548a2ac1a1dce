// Makes a package: `npm run new-package -- NAME [DEPENDENCY…]`.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readJson, root } from './toolchain.mjs';

const scope = '@tessera-llm';

function manifest(name, dependencies) {
  return {
    name: `${scope}/${name}`,
    version: '0.0.0',
    description: `${name} for language models in TypeScript`,
    license: 'Apache-2.0',
    type: 'module',
    sideEffects: false,
    engines: { node: '>=20.19' },
    files: ['dist'],
    exports: { '.': { types: './dist/index.d.ts', default: './dist/index.js' } },
    scripts: { build: 'tsup', test: 'vitest run', typecheck: 'tsc --noEmit' },
    ...(dependencies.length > 0
      ? { dependencies: Object.fromEntries(dependencies.map((other) => [`${scope}/${other}`, 'workspace:^'])) }
      : {}),
    devDependencies: { [`${scope}/config`]: 'workspace:^' },
  };
}

function errorClass(name) {
  const pascal = name.replaceAll(/(^|-)([a-z])/g, (_, _dash, letter) => letter.toUpperCase());
  return `/** What went wrong, for programs. */
export type ${pascal}ErrorCode = 'value';

/** Every error of this package. */
export class ${pascal}Error extends Error {
  override readonly name = '${pascal}Error';

  constructor(
    readonly code: ${pascal}ErrorCode,
    message: string,
  ) {
    super(message);
  }
}
`;
}

/** Gives the exit code. */
export function newPackage([name, ...dependencies]) {
  const fail = (message) => {
    process.stderr.write(`${message}\n`);
    return 2;
  };
  if (!name || !/^[a-z][a-z0-9-]*$/.test(name)) {
    return fail('expected a name of lower-case letters, digits and dashes: npm run new-package -- NAME [DEPENDENCY…]');
  }
  const layers = readJson(join(root, 'tooling', 'layers.json')).packages;
  if (!layers[name]) return fail(`tooling/layers.json does not name ${name}: add its line first`);
  for (const other of dependencies) {
    if (!existsSync(join(root, 'packages', other))) return fail(`there is no package ${other}`);
  }
  const folder = join(root, 'packages', name);
  if (existsSync(folder)) return fail(`packages/${name} exists already`);
  const text = manifest(name, dependencies.toSorted());
  const files = {
    'package.json': `${JSON.stringify(text, null, 2)}\n`,
    'tsconfig.json': '{ "extends": "../../tsconfig.base.json", "include": ["src"] }\n',
    'tsup.config.ts': "import { build } from '@tessera-llm/config/tsup';\n\nexport default build();\n",
    'vitest.config.ts': "import { tests } from '@tessera-llm/config/vitest';\n\nexport default tests();\n",
    'README.md': `# ${text.name}\n\n${text.description}.\n\n\`\`\`sh\nnpm install ${text.name}\n\`\`\`\n`,
    'src/errors.ts': errorClass(name),
    'src/index.ts': `export { ${errorClass(name).match(/class (\w+)/)[1]}, type ${errorClass(name).match(/type (\w+)/)[1]} } from './errors';\n`,
  };
  mkdirSync(join(folder, 'src'), { recursive: true });
  for (const [file, content] of Object.entries(files)) writeFileSync(join(folder, file), content);
  process.stdout.write(`packages/${name} made; next: npx pnpm install, then npm run api\n`);
  return 0;
}

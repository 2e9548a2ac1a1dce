// The public-API report of each package, packages/<name>/api.md: what its built types export, without comments, in a
// fixed order, so that a change of the surface shows in review. `npm run api` writes it, the check compares.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import ts from 'typescript';
import { packageFolders, readJson, root } from './toolchain.mjs';

const printer = ts.createPrinter({ removeComments: true });

function declarationText(declaration) {
  let node = declaration;
  if (ts.isVariableDeclaration(node)) node = node.parent.parent;
  const text = printer.printNode(ts.EmitHint.Unspecified, node, node.getSourceFile());
  return text
    .replace(/^(export |declare )+/, '')
    .split('\n')
    .filter((line) => !/^\s*private (static |readonly )*[#\w]/.test(line))
    .map((line) => line.replace(/^ +/, (indent) => ' '.repeat(indent.length / 2)))
    .join('\n');
}

function entryReport(entry, types) {
  const program = ts.createProgram([types], {
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    target: ts.ScriptTarget.ES2022,
    lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts'],
    types: ['node'],
    skipLibCheck: true,
  });
  const checker = program.getTypeChecker();
  const source = program.getSourceFile(types);
  const moduleSymbol = source && checker.getSymbolAtLocation(source);
  const exported = moduleSymbol ? checker.getExportsOfModule(moduleSymbol) : [];
  const names = exported.map((symbol) => {
    const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
    const from = target.declarations?.[0]?.getSourceFile().fileName ?? '';
    const texts =
      from.includes('/@tessera-llm/') && !types.includes('/@tessera-llm/')
        ? [`(from ${from.split('/@tessera-llm/')[1].split('/')[0]})`]
        : (target.declarations ?? []).map(declarationText);
    return [symbol.name, texts.join('\n')];
  });
  names.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return [
    `## \`${entry}\``,
    '',
    ...names.flatMap(([name, text]) => [`### ${name}`, '', '```ts', text, '```', '']),
  ].join('\n');
}

/** The report of one package, from its build. */
export function apiReport(folder) {
  const manifest = readJson(join(folder, 'package.json'));
  const parts = Object.entries(manifest.exports).map(([key, target]) =>
    entryReport(`${manifest.name}${key.slice(1)}`, join(folder, target.types)),
  );
  return `# Public API of ${manifest.name}\n\nMade by \`npm run api\` from the built types; do not edit.\n\n${parts.join('\n')}`;
}

/** Compares every report with the committed one, or writes it. Gives the number of problems. */
export function checkApi({ write = false } = {}) {
  let problems = 0;
  for (const folder of packageFolders(['packages'])) {
    const file = join(folder, 'api.md');
    const report = apiReport(folder);
    const current = existsSync(file) ? readFileSync(file, 'utf8').replaceAll('\r\n', '\n') : '';
    if (report === current) continue;
    if (write) writeFileSync(file, report);
    else {
      problems++;
      process.stderr.write(
        `api: ${relative(root, file)} is out of date; run \`npm run api\` and review the difference\n`,
      );
    }
  }
  return problems;
}

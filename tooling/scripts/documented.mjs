// Everything that a package exports says what it is, and every function and class shows how it is used.
import { existsSync } from 'node:fs';
import { join, relative } from 'node:path';
import ts from 'typescript';
import { packageFolders, root } from './toolchain.mjs';

function isUsed(checker, symbol, declaration) {
  const called = checker.getTypeOfSymbolAtLocation(symbol, declaration);
  return called.getCallSignatures().length > 0 || called.getConstructSignatures().length > 0;
}

function* lacking(folder) {
  const entries = ['index.ts', 'testing.ts']
    .map((file) => join(folder, 'src', file))
    .filter((file) => existsSync(file));
  const { options } = ts.parseJsonConfigFileContent(
    ts.readConfigFile(join(folder, 'tsconfig.json'), ts.sys.readFile).config,
    ts.sys,
    folder,
  );
  const program = ts.createProgram(entries, options);
  const checker = program.getTypeChecker();
  for (const entry of entries) {
    const module = checker.getSymbolAtLocation(program.getSourceFile(entry));
    if (module === undefined) continue;
    for (const exported of checker.getExportsOfModule(module)) {
      const symbol = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported;
      const [declaration] = symbol.declarations ?? [];
      // Another package's, documented there.
      if (declaration === undefined || !declaration.getSourceFile().fileName.startsWith(join(folder, 'src'))) continue;
      const place = `${relative(root, declaration.getSourceFile().fileName)}: ${exported.name}`;
      if (symbol.getDocumentationComment(checker).length === 0) yield `${place} has no documentation`;
      else if (symbol.flags & ts.SymbolFlags.Value && isUsed(checker, symbol, declaration)) {
        if (!symbol.getJsDocTags().some(({ name }) => name === 'example')) yield `${place} has no @example`;
      }
    }
  }
}

/** Gives the number of problems. */
export function checkDocumented() {
  const found = packageFolders(['packages'])
    .filter((folder) => existsSync(join(folder, 'src', 'index.ts')))
    .flatMap((folder) => [...lacking(folder)]);
  for (const one of found) process.stderr.write(`documented: ${one}\n`);
  return found.length;
}

/** Pairs of names in a GGUF file and paths of parameters; `#` stands for the number of a layer. */
export type NameTable = readonly (readonly [gguf: string, path: string])[];

/** The parameter that a tensor of a GGUF file fills, or null. */
export function pathOf(table: NameTable, name: string): string | null {
  return translate(name, table);
}

/** The name that a parameter has in a GGUF file, or null. */
export function ggufNameOf(table: NameTable, path: string): string | null {
  return translate(
    path,
    table.map(([gguf, own]) => [own, gguf]),
  );
}

function translate(name: string, table: NameTable): string | null {
  const layer = /(?<=\.)(0|[1-9]\d{0,4})(?=\.)/.exec(name)?.[0];
  const pattern = layer === undefined ? name : name.replace(`.${layer}.`, '.#.');
  const found = table.find(([from]) => from === pattern)?.[1];
  return found?.replace('#', layer ?? '#') ?? null;
}

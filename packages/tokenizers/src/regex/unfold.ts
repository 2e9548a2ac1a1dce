import { type Node, withChildren } from './ast';
import { charactersByFold, foldClass, fullFold, quote } from './classes';

/** Characters of the longest folding. */
const longest = 3;

let multiple: ReadonlyMap<string, readonly string[]> | null = null;

/** Foldings of several characters, two before three, each with the characters that fold to it. */
function multipleFolds(): ReadonlyMap<string, readonly string[]> {
  multiple ??= new Map(
    [...charactersByFold()]
      .filter(([fold]) => [...fold].length > 1)
      .sort(([a], [b]) => [...a].length - [...b].length || (a < b ? -1 : 1)),
  );
  return multiple;
}

/**
 * Writes out what case-insensitive patterns match in Oniguruma beside other cases of single characters: a character
 * whose folding is several matches these (`(?i:ß)` matches `SS`), and the other way round (`(?i:ss)` matches `ß`).
 * Characters that stand beside each other are taken from the left, as many as fold to one. A class matches the foldings
 * of its characters too, unless it is negated. In look-behind only classes do.
 */
export function unfold(node: Node, behind = false): Node {
  switch (node.type) {
    case 'set':
      if (node.cased === 'class') return ofClass(node);
      return behind || node.cased === undefined ? node : joined(ofCharacters([node]));
    case 'sequence': {
      const out: Node[] = [];
      let characters: Node[] = [];
      for (const item of flat(node)) {
        if (!behind && charOf(item) !== null) {
          characters.push(item);
          continue;
        }
        out.push(...ofCharacters(characters), unfold(item, behind));
        characters = [];
      }
      return joined([...out, ...ofCharacters(characters)]);
    }
    case 'choice':
      if (node.items.length === 1) return unfold(node.items[0] as Node, behind);
      break;
    case 'repeat': {
      const { item, min, max } = node;
      // Repeated without end, a class finds what is made of its own characters anyway.
      const endless = min <= 1 && max === Number.POSITIVE_INFINITY;
      return {
        ...node,
        item: item.type === 'set' && item.cased === 'class' ? ofClass(item, endless) : unfold(item, behind),
      };
    }
    case 'look':
      return { ...node, item: unfold(node.item, behind || node.behind) };
  }
  return withChildren(node, (child) => unfold(child, behind));
}

/**
 * The items of a sequence, those of groups within it and of `{1}` among them; but a group at the beginning stays apart
 * from what is behind it, as in Oniguruma, if it is more than characters.
 */
function flat(node: Node): readonly Node[] {
  if (node.type === 'repeat' && node.min === 1 && node.max === 1) return flat(node.item);
  if (node.type !== 'sequence') return [node];
  return node.items.flatMap((item, i) => {
    const items = flat(item);
    return i > 0 || items.every((each) => charOf(each) !== null) ? items : [joined(items)];
  });
}

function charOf(node: Node): string | null {
  return node.type === 'set' && typeof node.cased === 'object' ? node.cased.char : null;
}

/** Any case of each character. */
function anyCase(characters: string): Node[] {
  return Array.from(characters, (c) => ({ type: 'set', source: foldClass(`[${quote(c.codePointAt(0) as number)}]`) }));
}

/** Nodes that stand for characters, one behind the other. */
function ofCharacters(nodes: readonly Node[]): Node[] {
  const out: Node[] = [];
  for (let at = 0; at < nodes.length; ) {
    const [fold, count] = foldAt(nodes, at);
    const chars = fold === null ? undefined : multipleFolds().get(fold);
    if (fold === null || chars === undefined) out.push(nodes[at] as Node);
    else out.push({ type: 'choice', items: [oneOf(chars), joined(anyCase(fold))] });
    at += count;
  }
  return out;
}

/** The folding of several characters that begins at a node, and how many nodes it takes. */
function foldAt(nodes: readonly Node[], at: number): [fold: string | null, count: number] {
  for (let count = Math.min(longest, nodes.length - at); count > 0; count--) {
    const chars = nodes.slice(at, at + count).map((node) => charOf(node) ?? '');
    const folds = chars.map(fullFold);
    // A character of several is none of a longer folding.
    if (count > 1 && folds.some((fold) => [...fold].length > 1)) continue;
    const fold = folds.join('');
    if (multipleFolds().has(fold)) return [fold, count];
  }
  return [null, 1];
}

function oneOf(chars: readonly string[]): Node {
  return { type: 'set', source: `[${chars.map((c) => quote(c.codePointAt(0) as number)).join('')}]` };
}

/** @param endless Leaves out what the class matches character by character. */
function ofClass(node: Node & { readonly type: 'set' }, endless = false): Node {
  if (node.source.startsWith('[^')) return node;
  const expression = new RegExp(`^${node.source}$`, 'v');
  const has = (char: string): boolean => expression.test(char);
  const folds = [...multipleFolds()]
    .filter(([fold, chars]) => chars.some(has) && !(endless && [...fold].every(has)))
    .map(([fold]) => joined(anyCase(fold)));
  return folds.length === 0 ? node : { type: 'choice', items: [node, ...folds] };
}

function joined(items: readonly Node[]): Node {
  return items.length === 1 ? (items[0] as Node) : { type: 'sequence', items };
}

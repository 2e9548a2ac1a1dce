import type { AlignedText } from '../text/aligned-text';
import type { Edit } from '../text/edits';
import { isLater } from '../text/later';
import { unitsAt } from '../text/unicode';

/** Unicode's normal forms. */
export type UnicodeForm = 'NFC' | 'NFD' | 'NFKC' | 'NFKD';

/** One character of each canonical combining class, in order of class. */
const classMembers =
  '\u0334\u{16ff0}\u093c\u3099\u094d\u05b0\u05b1\u05b2\u05b3\u05b4\u05b5\u05b6\u05b7\u05b8\u05b9\u05bb\u05bc\u05bd\u05bf\u05c1\u05c2\ufb1e\u064b\u064c\u064d\u064e\u064f\u0650\u0651\u0652\u0670\u0711\u0c55\u0c56\u0e38\u0e48\u0eb8\u0ec8\u0f71\u0f72\u0f74\u0321\u1dce\u031b\u1dfa\u0316\u302a\u0323\u302e\u{1d16d}\u0301\u0315\u035c\u035d\u0345';
const members = [...classMembers];
const known = new Map<string, number>();
const laterMark = isLater('marks');
const laterComposed = isLater('composed');

/** True if normalisation puts b before a: both combine, and a's class is the higher. */
function swaps(a: string, b: string): boolean {
  return (a + b).normalize('NFD') !== a.normalize('NFD') + b.normalize('NFD');
}

/**
 * A number that orders characters as their canonical combining classes do, 0 for those that begin a character.
 * JavaScript has no table of classes, but its normalisation shows their order.
 */
function combiningOrder(char: string): number {
  if (!/^\p{M}$/u.test(char) || laterMark(char)) return 0;
  let order = known.get(char);
  if (order !== undefined) return order;
  order = 0;
  const first = members[0] as string;
  const last = members[members.length - 1] as string;
  if (swaps(char, first) || swaps(last, char)) {
    // Between two members lie the classes 2k; the class of member k itself is 2k + 1.
    while (order / 2 < members.length && swaps(char, members[order / 2] as string)) order += 2;
    const member = members[order / 2];
    if (member === undefined || swaps(member, char)) order = Math.max(order, 1);
    else order += 1;
    order = Math.max(order, 1);
  } else if (char === first) order = 1;
  else if (char === last) order = 2 * members.length;
  known.set(char, order);
  return order;
}

interface Changed {
  readonly char: string;
  readonly change: number;
}

/** Characters taken apart, marks in canonical order, each with its change as `AlignedText.transform` wants it. */
function decompose(text: string, form: 'NFD' | 'NFKD'): Changed[] {
  const out: Changed[] = [];
  let pending: (Changed & { readonly order: number })[] = [];
  const flush = () => {
    if (pending.length > 1) pending.sort((a, b) => a.order - b.order);
    for (const { char, change } of pending) out.push({ char, change });
    pending = [];
  };
  for (const source of text) {
    let change = 0;
    for (const char of laterComposed(source) ? source : source.normalize(form)) {
      const order = combiningOrder(char);
      if (order === 0) {
        flush();
        out.push({ char, change });
      } else pending.push({ char, change, order });
      change = 1;
    }
  }
  flush();
  return out;
}

/** Puts characters together again; a composed one counts the characters that it swallowed. */
function compose(parts: readonly Changed[]): Changed[] {
  const out: Changed[] = [];
  let starter: Changed | null = null;
  let marks: Changed[] = [];
  let lastOrder = -1;
  const flush = () => {
    if (starter !== null) out.push(starter);
    for (const mark of marks) out.push(mark);
    starter = null;
    marks = [];
    lastOrder = -1;
  };
  for (const part of parts) {
    const order = combiningOrder(part.char);
    const current: Changed | null = starter;
    if (current === null) {
      if (order === 0) starter = part;
      else out.push(part);
      continue;
    }
    // Blocked by a mark of the same or a higher class in between.
    const blocked = lastOrder >= 0 && lastOrder >= order;
    const joined: string | null = blocked ? null : pair((current as Changed).char, part.char);
    if (joined !== null) starter = { char: joined, change: (current as Changed).change + part.change - 1 };
    else if (order === 0) {
      flush();
      starter = part;
    } else {
      marks.push(part);
      lastOrder = order;
    }
  }
  flush();
  return out;
}

function pair(a: string, b: string): string | null {
  const made = (a + b).normalize('NFC');
  return made !== a + b && made.length === unitsAt(made, 0) && !laterComposed(made) ? made : null;
}

/** What forms change: characters beyond ASCII, with the one before, which may join them. */
const runs = /[\0-\x7f]?[^\0-\x7f]+/g;

/** Runs of marks for which JavaScript's own normalisation is not asked: its time grows with the square of their length. */
const longMarks = /\p{M}{64}/u;

/** The text in a normal form; what is in it already costs one comparison. */
export function normalizeForm(text: AlignedText, form: UnicodeForm): AlignedText {
  const edits: Edit[] = [];
  for (const { index, 0: run } of text.text.matchAll(runs)) {
    if (!longMarks.test(run) && run.normalize(form) === run) continue;
    const parts = decompose(run, form === 'NFC' || form === 'NFD' ? 'NFD' : 'NFKD');
    const made = form === 'NFC' || form === 'NFKC' ? compose(parts) : parts;
    edits.push({
      from: index,
      to: index + run.length,
      text: made.map((p) => p.char).join(''),
      changes: made.map((p) => p.change),
    });
  }
  return text.rewrite(edits);
}

/** A piece of a text: plain, or a link to a web page. */
export interface Piece {
  text: string;
  href?: string;
}

const ADDRESS = /\bhttps?:\/\/[^\s<>"'`]+/giu;
/** What stands after an address more often than in it. */
const TRAILING = /[.,:;!?…*_~|\\]$/u;
/** Characters that let a text look like another one: no address has them. */
const DISGUISE = /[\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/u;
const PAIRS: Record<string, string> = { ")": "(", "]": "[", "}": "{" };

/**
 * A text in pieces, the addresses in it as links. All pieces together are the text, to the letter: whoever shows them
 * makes text nodes of them, so that nothing in it is ever markup.
 */
export function linkify(text: string): Piece[] {
  const pieces: Piece[] = [];
  let from = 0;
  for (const match of text.matchAll(ADDRESS)) {
    const address = trimmed(match[0]);
    const href = webAddress(address);
    if (!href) continue;
    if (match.index > from) pieces.push({ text: text.slice(from, match.index) });
    pieces.push({ text: address, href });
    from = match.index + address.length;
  }
  if (from < text.length) pieces.push({ text: text.slice(from) });
  return pieces;
}

/** Without the full stop of a sentence, and without a bracket that was opened before the address. */
function trimmed(address: string): string {
  for (;;) {
    const last = address.at(-1) ?? "";
    const open = PAIRS[last];
    const isStray = open !== undefined && address.split(last).length > address.split(open).length;
    if (!isStray && !TRAILING.test(last)) return address;
    address = address.slice(0, -1);
  }
}

/** The address if it is one of the web and says where it leads: a name before an @ is there to deceive. */
function webAddress(address: string): string | undefined {
  if (DISGUISE.test(address)) return undefined;
  try {
    const url = new URL(address);
    const isWeb = url.protocol === "http:" || url.protocol === "https:";
    return isWeb && !url.username && !url.password ? url.href : undefined;
  } catch {
    return undefined;
  }
}

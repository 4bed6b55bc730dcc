import type { SessionQuery } from "./session-source.js";
import type { Session } from "./session.js";

/**
 * What the server's listing would answer, worked out here from all the cards: the same filters, the same folding of
 * case, the same orders, and the same id as the last word between equals.
 */
export function select(cards: Iterable<Session>, query: SessionQuery): Session[] {
  const compare = ORDERS[query.sort || "viewer_count"] ?? ORDERS.viewer_count!;
  const direction = query.order || (query.sort === "title" ? "asc" : "desc");
  const sign = direction === "asc" ? 1 : -1;
  const found = [...cards].filter(matcher(query));
  return found.sort((a, b) => sign * compare(a, b) || (a.id < b.id ? -1 : 1));
}

/** Whether this side knows the words of a query; the server answers others with a complaint, which polling shows. */
export const understands = ({ sort, order }: SessionQuery): boolean =>
  (!sort || Object.hasOwn(ORDERS, sort)) && (!order || order === "asc" || order === "desc");

/** Whether a query is for everything, most watched first: the one order in which a cut list of cards is whole at its top. */
export const isDefault = ({ filter, q, sort, order }: SessionQuery): boolean =>
  wish(filter)[0] === "public" && !q.trim() && (!sort || sort === "viewer_count") && order !== "asc";

/** The kind of a filter and its name; whatever is neither known nor whole means everything, as in a poll. */
function wish(filter: string): [kind: string, name: string] {
  const [kind = "", ...rest] = filter.split(":");
  const name = rest.join(":").trim();
  if (kind === "featured") return [kind, ""];
  return name && ["category", "tag", "user"].includes(kind) ? [kind, name] : ["public", ""];
}

function matcher({ filter, q }: SessionQuery): (card: Session) => boolean {
  const [kind, name] = wish(filter);
  const folded = name.toLowerCase();
  const words = q.trim().toLowerCase();
  const fits = (card: Session): boolean => {
    switch (kind) {
      case "featured":
        return card.is_featured;
      case "category":
        return card.ai_intent?.toLowerCase() === folded;
      case "tag":
        return card.tags.some((tag) => tag.toLowerCase() === folded);
      case "user":
        return card.user === name;
      default:
        return true;
    }
  };
  return (card) => fits(card) && (!words || isFound(card, words));
}

const isFound = ({ title, user, tags }: Session, words: string): boolean =>
  title.toLowerCase().includes(words) || user.includes(words) || tags.some((tag) => tag.toLowerCase().includes(words));

type Comparison = (a: Session, b: Session) => number;

const byStart: Comparison = (a, b) => compareText(start(a), start(b));

const ORDERS: Record<string, Comparison | undefined> = {
  viewer_count: (a, b) => a.viewer_count - b.viewer_count,
  started_at: byStart,
  duration: (a, b) => byStart(b, a),
  title: (a, b) => compareText(a.title.toLowerCase(), b.title.toLowerCase()),
};

/** To the microsecond, which no Date holds. Without its Z a time sorts as text; what has not started comes first. */
const start = ({ started_at }: Session): string => started_at?.replace("Z", "") ?? "";

/** By code points, as the server compares; a string's own order is by UTF-16 units. */
function compareText(a: string, b: string): number {
  if (a === b) return 0;
  const [left, right] = [[...a], [...b]];
  const at = left.findIndex((character, index) => character !== right[index]);
  return (left[at]?.codePointAt(0) ?? -1) - (right[at < 0 ? left.length : at]?.codePointAt(0) ?? -1);
}

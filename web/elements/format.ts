/** How numbers, times and names are shown, alike in the element and on the pages. */

/** Milliseconds as a running clock: `0:42`, `12:05`, `1:02:33`. */
export function formatDuration(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  const two = (n: number) => String(n).padStart(2, "0");
  const minutes = Math.floor(seconds / 60) % 60;
  const hours = Math.floor(seconds / 3600);
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}

/** The same length for a machine and a screen reader (ISO 8601), as `<time datetime>` wants it. */
export function isoDuration(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  return `PT${Math.floor(seconds / 3600)}H${Math.floor(seconds / 60) % 60}M${seconds % 60}S`;
}

const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const exact = new Intl.NumberFormat("en");

/** A count that fits a card: `950`, `1.2K`, `3.4M`. */
export const formatCount = (count: number): string => compact.format(count);

/** The count to the last viewer: `12,345`. */
export const formatExact = (count: number): string => exact.format(count);

/** `1 viewer`, `2 viewers`. */
export const plural = (count: number, noun: string): string => `${formatExact(count)} ${noun}${count === 1 ? "" : "s"}`;

/** One of eight colours for a name: the same name has the same one everywhere. */
export function hueOf(name: string): number {
  let hash = 0;
  for (const character of name) hash = (hash * 31 + character.codePointAt(0)!) >>> 0;
  return hash % 8;
}

/** The letter that stands for a name without a picture. */
export const initialOf = (name: string): string => ([...name.trim()][0] ?? "?").toUpperCase();

/** How long ago, in as few words as will do: `now`, `5 min`, `2 h`, `3 d`. */
export function formatAgo(milliseconds: number): string {
  const minutes = Math.floor(milliseconds / 60_000);
  if (minutes < 1) return "now";
  if (minutes < 60) return `${minutes} min`;
  return minutes < 1440 ? `${Math.floor(minutes / 60)} h` : `${Math.floor(minutes / 1440)} d`;
}

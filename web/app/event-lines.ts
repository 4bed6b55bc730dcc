import { plural } from "../elements/format.js";
import type { LogEvent, Reaction } from "./api.js";
import { LOOKS } from "./tl-reactions.js";

/** Comings, goings and reactions within this time are one line each; milliseconds. */
const TOGETHER = 60_000;

/** One line of what happened. */
export interface EventLine {
  key: number;
  kind: "broadcast" | "viewer" | "reaction" | "warning" | "other";
  text: string;
  at: number;
}

const TOLD: Record<string, string> = {
  "broadcast.created": "Created",
  "broadcast.started": "On air",
  "broadcast.updated": "Details changed",
  "broadcast.paused": "Paused",
  "broadcast.resumed": "Goes on",
  "broadcast.interrupted": "Encoder lost",
  "broadcast.recovered": "Encoder is back",
  "broadcast.ended": "Ended",
  "chat.deleted": "A message was removed",
  "recording.ready": "The recording is ready",
};

/** Events, newest first, as lines. The key is that of a line's oldest event, so that it stays while the line grows. */
export function linesOf(events: readonly LogEvent[]): EventLine[] {
  const groups: LogEvent[][] = [];
  for (const event of events) {
    const group = isMany(event) ? openGroup(groups, event) : undefined;
    if (group) group.push(event);
    else groups.push([event]);
  }
  return groups.map((group) => ({ key: group.at(-1)!.seq, kind: kindOf(group[0]!), text: textOf(group), at: timeOf(group[0]!) }));
}

/** The line that an event still belongs to: none that something of note has parted from it. */
function openGroup(groups: LogEvent[][], event: LogEvent): LogEvent[] | undefined {
  const since = groups.slice(groups.findLastIndex(([first]) => !isMany(first!)) + 1);
  return since.find(([first]) => first!.type === event.type && timeOf(first!) - timeOf(event) < TOGETHER);
}

const timeOf = ({ created_at }: LogEvent): number => Date.parse(created_at);

const isMany = ({ type }: LogEvent): boolean => type.startsWith("viewer.") || type === "reaction";

function kindOf({ type }: LogEvent): EventLine["kind"] {
  if (type === "ingest.warning" || type === "broadcast.interrupted") return "warning";
  if (type.startsWith("broadcast.")) return "broadcast";
  if (type.startsWith("viewer.")) return "viewer";
  return type === "reaction" ? "reaction" : "other";
}

function textOf(group: LogEvent[]): string {
  const { type, data } = group[0]!;
  if (type === "viewer.joined") return `${plural(group.length, "viewer")} joined`;
  if (type === "viewer.left") return `${plural(group.length, "viewer")} left`;
  if (type === "reaction") return reactionsIn(group);
  if (type === "ingest.warning") return `Encoder: ${String(data.message ?? data.reason ?? data.kind ?? "something is not right")}`;
  return TOLD[type] ?? type;
}

function reactionsIn(group: LogEvent[]): string {
  const counts = new Map<string, number>();
  for (const { data } of group) {
    const [emoji] = LOOKS[data.reaction as Reaction] ?? ["•"];
    counts.set(emoji, (counts.get(emoji) ?? 0) + 1);
  }
  return [...counts].map(([emoji, count]) => (count > 1 ? `${emoji} ${count}` : emoji)).join("  ");
}

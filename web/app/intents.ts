/** What a broadcast can be about, as the server knows it. */
export const INTENTS = [
  "gaming", "music", "talk", "entertainment", "sports", "tech", "education", "art",
  "news", "food", "travel", "lifestyle", "relax", "shopping", "kids", "religion",
] as const;

export const labelOf = (intent: string): string => intent.charAt(0).toUpperCase() + intent.slice(1);

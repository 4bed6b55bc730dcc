/** What the home page shows, kept in its address so that it can be shared, and gone back to. */
export interface HomeState {
  q: string;
  category: string;
  tag: string;
  sort: string;
}

export const SORTS = [
  ["viewer_count", "Most watched"],
  ["started_at", "Newest"],
  ["duration", "Longest on air"],
  ["title", "Title"],
] as const;

const DEFAULT_SORT = SORTS[0][0];

export function readHomeState(search: string): HomeState {
  const params = new URLSearchParams(search);
  const sort = params.get("sort") ?? "";
  return {
    q: params.get("q") ?? "",
    category: params.get("category") ?? "",
    tag: params.get("tag") ?? "",
    sort: SORTS.some(([name]) => name === sort) ? sort : DEFAULT_SORT,
  };
}

/** The query for a state, without what is the default anyway. */
export function writeHomeState({ q, category, tag, sort }: HomeState): string {
  const params = new URLSearchParams();
  if (q.trim()) params.set("q", q.trim());
  if (category) params.set("category", category);
  if (tag) params.set("tag", tag);
  if (sort !== DEFAULT_SORT) params.set("sort", sort);
  const query = params.toString();
  return query && `?${query}`;
}

/** The element's filter for a state: a tag is the narrower wish. */
export const filterOf = ({ category, tag }: HomeState): string =>
  tag ? `tag:${tag}` : category ? `category:${category}` : "public";

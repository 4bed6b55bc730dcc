/** Dark or light: the system's choice until somebody makes their own. */
export type Theme = "dark" | "light";

const KEY = "tallylight.theme";

const chosen = (): Theme | undefined => {
  const value = localStorage.getItem(KEY);
  return value === "dark" || value === "light" ? value : undefined;
};

export const currentTheme = (): Theme => chosen() ?? (matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark");

function apply(): void {
  const theme = chosen();
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
}

export function toggleTheme(): void {
  localStorage.setItem(KEY, currentTheme() === "dark" ? "light" : "dark");
  apply();
}

apply();
addEventListener("storage", (event) => event.key === KEY && apply());

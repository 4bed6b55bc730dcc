import type { Plugin } from "vite";

/** Takes the indentation out of templates and style sheets, which no minifier dares to touch. None of ours depends on it. */
export function leanTemplates(): Plugin {
  return {
    name: "lean-templates",
    apply: "build",
    enforce: "pre",
    transform(code, id) {
      if (id.includes("node_modules") || !id.endsWith(".ts")) return undefined;
      const lean = code
        .replace(/css`([^`]*)`/g, (_all, sheet: string) => `css\`${leanSheet(sheet)}\``)
        .replace(/^[ \t]+/gm, "");
      return { code: lean, map: null };
    },
  };
}

const leanSheet = (sheet: string): string =>
  sheet
    .replace(/\/\*[^]*?\*\//g, "")
    .replace(/\s+/g, " ")
    .replace(/\s*([{};,])\s*/g, "$1")
    .replace(/:\s+/g, ":")
    .replaceAll(";}", "}")
    .trim();

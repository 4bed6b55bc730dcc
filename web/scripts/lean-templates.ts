import type { Plugin } from "vite";

const IMPORT = 'import { css } from "lit"';

/**
 * Takes the indentation out of templates and style sheets, which no minifier dares to touch. None of ours depends on
 * it. A sheet without expressions needs nothing of what Lit does for expressions, so that stays out of the build.
 */
export function leanTemplates(): Plugin {
  return {
    name: "lean-templates",
    apply: "build",
    enforce: "pre",
    transform(code, id) {
      if (id.includes("node_modules") || !id.endsWith(".ts")) return undefined;
      const isPlain = code.includes(IMPORT) && !/css`[^`]*\$\{/.test(code);
      const lean = code
        .replace(/css`([^`]*)`/g, (_all, sheet: string) => (isPlain ? `unsafeCSS(\`${leanSheet(sheet)}\`)` : `css\`${leanSheet(sheet)}\``))
        .replace(isPlain ? IMPORT : "", isPlain ? 'import { unsafeCSS } from "lit"' : "")
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
    .replace(/([^\d.])0\.(?=\d)/g, "$1.")
    .replaceAll(";}", "}")
    .trim();

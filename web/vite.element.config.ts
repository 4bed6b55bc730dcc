import { resolve } from "node:path";
import { defineConfig } from "vite";
import { leanTemplates } from "./scripts/lean-templates.js";

/** The embeddable element: one file under a name that never changes, for other people's pages. */
export default defineConfig({
  root: import.meta.dirname,
  publicDir: false,
  plugins: [leanTemplates()],
  build: {
    target: "es2022",
    emptyOutDir: false,
    lib: {
      entry: resolve(import.meta.dirname, "elements/active-sessions.ts"),
      formats: ["es"],
      fileName: () => "elements/active-sessions.js",
    },
    // A library build keeps its white space, for bundlers; this one goes straight to browsers.
    rolldownOptions: { output: { minify: true } },
  },
});

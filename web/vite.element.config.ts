import { resolve } from "node:path";
import { defineConfig } from "vite";
import { leanTemplates } from "./scripts/lean-templates.js";

/**
 * The embeddable element: one file under a name that never changes, for other people's pages. What it loads later, once
 * a list is shown, lies beside it under a name with its content's hash. It is asked for relative to the element's own
 * address, so it is found wherever the element is used; where it is not, the element polls.
 */
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
    rolldownOptions: { output: { minify: true, chunkFileNames: "elements/[name]-[hash].js" } },
  },
});

import { resolve } from "node:path";
import { defineConfig, type Plugin } from "vite";
import { leanTemplates } from "./scripts/lean-templates.js";

const root = import.meta.dirname;
const page = (name: string) => resolve(root, `${name}.html`);

/** In development, serves the pages under the addresses that the server gives them. */
function pageAddresses(): Plugin {
  return {
    name: "page-addresses",
    configureServer(server) {
      server.middlewares.use((request, _response, next) => {
        const path = request.url?.split("?")[0] ?? "";
        if (path.startsWith("/watch/")) request.url = "/watch.html";
        else if (["/studio", "/account", "/setup", "/forgot", "/reset"].includes(path)) request.url = `${path}.html`;
        else if (path === "/api/docs") request.url = "/docs.html";
        next();
      });
    },
  };
}

/** Holds the first paint until the theme is known, where the browser can; without it a page may flash. */
function blockFirstPaint(): Plugin {
  return {
    name: "block-first-paint",
    transformIndexHtml: {
      order: "post",
      handler: (html) => html.replaceAll('<script type="module"', '<script type="module" blocking="render"'),
    },
  };
}

export default defineConfig({
  root,
  plugins: [leanTemplates(), pageAddresses(), blockFirstPaint()],
  build: {
    target: "es2022",
    // A data: URL would need its own line in the content security policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 4000,
    rolldownOptions: {
      input: ["index", "watch", "studio", "account", "setup", "forgot", "reset", "not-found", "docs"].map(page),
    },
  },
  server: {
    proxy: { "^/(api(?!/docs$)|hls|thumbnails)/": { target: process.env.TALLYLIGHT_API ?? "http://127.0.0.1:8080", ws: true } },
  },
  test: { environment: "happy-dom", include: ["{elements,app}/**/*.test.ts"] },
} as Parameters<typeof defineConfig>[0]);

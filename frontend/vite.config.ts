import { defineConfig, type Plugin } from "vite";

import { INITIAL } from "./src/state/params.ts";
import { curvesOf } from "./src/state/request.ts";

/** The question of the first paint stands in the page, so that the server can send its answer along. */
const first: Plugin = {
  name: "first-question",
  transformIndexHtml: (html) => html.replace('"tokenroof-first" content=""', `"tokenroof-first" content="${JSON.stringify(curvesOf(INITIAL)).replace(/"/g, "&quot;")}"`),
};

// The bundle is committed, so a build must give the same bytes wherever it runs: file names without hashes, one script,
// one style sheet, no dates. It is served from any address, so paths are relative.
export default defineConfig({
  base: "./",
  plugins: [first],
  build: {
    outDir: "../src/tokenroof/web/static",
    emptyOutDir: true,
    assetsDir: "assets",
    assetsInlineLimit: 0,
    cssCodeSplit: false,
    modulePreload: false,
    target: "es2022",
    reportCompressedSize: false,
    rollupOptions: {
      output: {
        entryFileNames: "assets/tokenroof.js",
        assetFileNames: "assets/tokenroof[extname]",
        codeSplitting: false,
      },
    },
  },
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  server: { proxy: { "/api": "http://127.0.0.1:8642" } },
});

import { defineConfig } from "vite";

// The bundle is committed, so a build must give the same bytes wherever it runs: file names without hashes, one script,
// one style sheet, no dates. It is served from any address, so paths are relative.
export default defineConfig({
  base: "./",
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

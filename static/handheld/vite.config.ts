import vue from "@vitejs/plugin-vue";
import { defineConfig } from "vite";
import { VitePWA } from "vite-plugin-pwa";

// Served at /m/ by gridwatch/web/handheld.py. `manifest: false`: with the plugin's own manifest an address without the base
// gets into the precache, and then the service worker never installs and says nothing. tests/handheld fetches every one.
export default defineConfig({
  root: new URL(".", import.meta.url).pathname,
  base: "/m/",
  plugins: [
    vue(),
    VitePWA({
      strategies: "injectManifest",
      srcDir: "src",
      filename: "sw.ts",
      manifest: false,
      injectRegister: false,
      injectManifest: {
        rollupFormat: "iife",
        globPatterns: ["**/*.{html,js,css,svg,png,webmanifest}"],
        dontCacheBustURLsMatching: /assets\//,
      },
    }),
  ],
  build: {
    outDir: "../../gridwatch/webroot/m",
    emptyOutDir: true,
    target: "es2020",
    assetsInlineLimit: 0,
  },
});

import preact from "@preact/preset-vite";
import { defineConfig } from "vite";

// Stable names: the node serves the files below a folder named after their content.
export default defineConfig({
  plugins: [preact()],
  base: "./",
  build: {
    outDir: "dist",
    emptyOutDir: true,
    modulePreload: false,
    rollupOptions: {
      input: "src/main.tsx",
      output: { entryFileNames: "app.js", assetFileNames: "app.[ext]" },
    },
  },
});

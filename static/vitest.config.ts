import { defineConfig } from "vitest/config";

export default defineConfig({ test: { include: ["shared/**/*.test.ts", "handheld/**/*.test.ts"], environment: "node" } });

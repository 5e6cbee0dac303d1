import { defineConfig } from 'vitest/config';

// Unit and golden tests: the fast loop. Suites that need real parts live in conformance/ and have their own runner.
export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'lab/**/*.test.ts', 'tools/**/*.test.ts'],
    exclude: ['src/gen/**'],
    pool: 'threads',
  },
});

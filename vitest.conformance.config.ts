import { defineConfig } from 'vitest/config';

// Suites against real parts (Envoy, kube-apiserver, kubelet). Each file brings up and takes down what it needs.
export default defineConfig({
  test: {
    include: ['conformance/**/*.test.ts'],
    pool: 'forks',
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 300_000,
  },
});

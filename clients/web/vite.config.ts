import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

/** Where `./run` puts the edge; the dev server and the preview lend its addresses. */
const EDGE = 'http://127.0.0.1:8080';

const proxy = {
  '^/(api|live|vod|private|media|\\.well-known)/': { target: EDGE },
  '^/ws$': { target: EDGE, ws: true },
};

export default defineConfig({
  plugins: [react()],
  server: { host: '127.0.0.1', proxy },
  preview: { host: '127.0.0.1', proxy },
  build: {
    target: 'es2023',
    // the content security policy allows no data: scripts and few data: images
    assetsInlineLimit: 0,
  },
  test: {
    environment: 'jsdom',
    include: ['src/**/*.test.{ts,tsx}'],
    setupFiles: ['src/testing/setup.ts'],
    restoreMocks: true,
    unstubGlobals: true,
  },
});

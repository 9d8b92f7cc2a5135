import { bundledClient, gzipBytes } from '../support/client-script.js';

const LIMIT = 5_632;

describe('the client in a browser', () => {
  it(`has less than ${LIMIT} bytes, minified and gzipped`, async () => {
    const code = await bundledClient();
    expect(code).toMatch(/export ?(?:class|\{)/);
    expect(code).not.toMatch(/\b(?:import|require)\b/);
    const bytes = gzipBytes(code);
    process.stdout.write(`client: ${bytes} bytes of ${LIMIT}\n`);
    expect(bytes).toBeLessThan(LIMIT);
  });
});

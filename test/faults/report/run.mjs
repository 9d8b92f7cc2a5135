/** `npm run test:faults`: see main.ts. */
import { register } from 'node:module';

register('../../runner/typescript-hooks.mjs', import.meta.url);
await import('./main.ts');

/** Runs a bound session in a real browser without Jest, as long as asked: see main.ts. */
import { register } from 'node:module';

register('../../runner/typescript-hooks.mjs', import.meta.url);
await import('./main.ts');

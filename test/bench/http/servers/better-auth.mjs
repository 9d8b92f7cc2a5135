import { serveBetterAuth } from '../peers/better-auth.mjs';

await serveBetterAuth('compact');

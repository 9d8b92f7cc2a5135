import { serveSessions } from '../sessions.mjs';

await serveSessions({ transport: 'header' });

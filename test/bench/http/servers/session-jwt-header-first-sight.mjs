/** Without the cache, so that every request verifies its token. */
import { serveSessions } from '../sessions.mjs';

await serveSessions({ transport: 'header', cache: false });

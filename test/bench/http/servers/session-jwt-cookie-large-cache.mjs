/** Remembers as many tokens as the hand-made guard does. */
import { LARGE_CACHE, serveSessions } from '../sessions.mjs';

await serveSessions({ cache: LARGE_CACHE });

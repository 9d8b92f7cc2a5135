/** No guard at all: what the framework costs. */
import { serve } from '../app.mjs';
import { userAt } from '../users.mjs';

const user = userAt(0);

await serve({ sessionOf: () => user });

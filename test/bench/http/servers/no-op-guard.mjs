/** A guard that looks up `@Public()` and lets every request pass: what any guard costs. */
import { serve } from '../app.mjs';
import { synchronousGuard } from '../guards.mjs';
import { userAt } from '../users.mjs';

const session = { data: userAt(0) };

await serve({
  guard: synchronousGuard(
    () => 'none',
    () => session,
  ),
});

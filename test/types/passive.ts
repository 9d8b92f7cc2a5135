import { SessionClient } from '../../lib/client/index.js';
import { Passive, type SessionService } from '../../lib/index.js';

const client = new SessionClient();
export const asFetch: typeof fetch = client.fetch;
void client.fetch('/messages', { method: 'POST', passive: true });
// @ts-expect-error whether it is passive is a boolean
void client.fetch('/messages', { passive: '?1' });

@Passive()
export class Polls {
  @Passive(false)
  click(): void {}
}

export async function authenticate(
  sessions: SessionService,
  request: { headers: object },
): Promise<void> {
  await sessions.authenticate(request, { passive: true });
  await sessions.refresh(request, { passive: true });
  // @ts-expect-error a session that is reloaded is passive as its request is
  await sessions.reload({} as never, { passive: true });
}

import { createClient } from '/files/graphql-ws/client.js';

const QUERY = 'subscription { orders { item orderedBy } }';

/**
 * Subscribes to the orders. The page reconnects, not this client: it must refresh its session first.
 *
 * @param {{ opened: () => void, closed: (code: number) => void, changed: (orders: object[]) => void }} page
 */
export function watchOrders(page) {
  const client = createClient({
    url: '/graphql',
    retryAttempts: 0,
    on: { closed: ({ code }) => page.closed(code) },
  });
  client.subscribe(
    { query: QUERY },
    {
      next: ({ data }) => {
        page.opened();
        page.changed(data.orders);
      },
      // The client closes a connection without subscriptions.
      error: () => undefined,
      complete: () => undefined,
    },
  );
  return { close: () => client.dispose() };
}

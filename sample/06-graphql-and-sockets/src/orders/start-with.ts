/**
 * Yields a value before those of another iterator. Unlike an async generator, it ends while it waits for the next
 * value: a client that unsubscribes leaves no listener.
 */
export function startWith<T>(
  first: T,
  rest: AsyncIterableIterator<T>,
): AsyncIterableIterator<T> {
  let isFirst = true;
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    async next() {
      if (!isFirst) return rest.next();
      isFirst = false;
      return { done: false, value: first };
    },
    return: () => rest.return!(),
    throw: (error) => rest.throw!(error),
  };
}

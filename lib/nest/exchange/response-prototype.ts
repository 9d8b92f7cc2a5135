import type { ServerResponse } from 'node:http';
import type { ResponseHead, WriteHead } from './response-head.js';

const hooked = new WeakSet<object>();

/**
 * Makes the prototype of an Express application's responses complete their heads. The alternative, a property on each
 * response, costs 10 to 30 µs there before Node 24: V8 gives each object whose prototype was changed hidden classes that
 * it shares with no other.
 *
 * @returns `false` where the prototype cannot do it: the {@link ResponseHead} must
 */
export function hookPrototypeOf(
  response: ServerResponse,
  request: object,
  headOf: (request: object) => ResponseHead | undefined,
): boolean {
  // Where middleware has put a `writeHead`, it may have been before the prototype was hooked.
  if (response.req !== request || Object.hasOwn(response, 'writeHead')) {
    return false;
  }
  const prototype = Object.getPrototypeOf(response) as {
    readonly writeHead: WriteHead;
  };
  if (hooked.has(prototype)) {
    return true;
  }
  // Express gives each application a prototype; elsewhere, all responses of the process share theirs.
  if (!Object.hasOwn(prototype, 'app')) {
    return false;
  }
  const { writeHead } = prototype;
  const isHooked = Reflect.defineProperty(prototype, 'writeHead', {
    value(
      this: ServerResponse,
      status: number,
      reason?: unknown,
      headers?: unknown,
    ) {
      const { req } = this as { req?: object };
      const head = req && headOf(req);
      return head?.response === this
        ? head.write(writeHead, status, reason, headers)
        : writeHead.call(this, status, reason, headers);
    },
    configurable: true,
    enumerable: true,
    writable: true,
  });
  if (isHooked) hooked.add(prototype);
  return isHooked;
}

import type { SessionErrorCode } from '../../errors/session-error.js';
import {
  exposedParts,
  type ExposedPart,
  type ResolvedRoutesOptions,
} from '../../options/resolve-routes-options.js';
import { possibleRefusals } from '../../session/possible-refusals.js';
import {
  objectOf,
  type Operation,
  type Schema,
} from '../openapi/openapi-document.js';
import type { SessionRuntime } from '../session-runtime.js';

/** A ready-made route: what it accepts and returns, and the refusals that are not its guard's. */
export interface ReadyMadeRoute {
  readonly operation: Operation;
  readonly refusals: readonly SessionErrorCode[];
}

const TEXT: Schema = { type: 'string' };
const TIME: Schema = { type: 'string', format: 'date-time' };
/** An object whose members the application defines. */
const ANY_OBJECT: Schema = { type: 'object', additionalProperties: true };

/** The session that `GET` returns. */
const sessionWith = (parts: readonly ExposedPart[]): Schema =>
  objectOf({
    id: TEXT,
    subject: TEXT,
    ...((parts.includes('data') || parts.includes('expanded')) && { data: {} }),
    ...(parts.includes('attributes') && { attributes: ANY_OBJECT }),
    issuedAt: TIME,
    authenticatedAt: TIME,
    loadedAt: TIME,
    expiresAt: TIME,
    isBound: { type: 'boolean' },
  });

/** The response to a refresh. */
const issuedWith = (parts: readonly ExposedPart[]): Schema =>
  objectOf({
    token: TEXT,
    refreshToken: TEXT,
    expiresAt: TIME,
    ...(parts.includes('data') && { data: {} }),
  });

const DEVICE = objectOf({
  id: TEXT,
  subject: TEXT,
  createdAt: TIME,
  lastSeenAt: TIME,
  expiresAt: TIME,
  metadata: ANY_OBJECT,
  isBound: { type: 'boolean' },
  isCurrent: { type: 'boolean' },
});

/** Describes the ready-made routes that exist with these options, by the names of their handlers. */
export function readyMadeRoutes(
  routes: Pick<ResolvedRoutesOptions, 'expose'>,
  runtime: SessionRuntime,
): ReadonlyMap<string, ReadyMadeRoute> {
  const { options } = runtime;
  const { reachesOthers } = runtime.revocation;
  const parts = exposedParts(routes, options);
  const found = new Map<string, ReadyMadeRoute>();
  const describe = (
    name: string,
    operation: Operation,
    refusals: readonly SessionErrorCode[] = [],
  ) => {
    found.set(name, {
      operation: { tags: ['session'], ...operation },
      refusals,
    });
  };
  describe('current', {
    summary: 'Returns the current session',
    responses: ok('The current session', sessionWith(parts)),
  });
  const posted = { method: 'POST', isOptional: false };
  if (options.refresh) {
    describe(
      'refresh',
      {
        summary: 'Exchanges a refresh token for new tokens',
        requestBody: {
          required: false,
          description: 'The refresh token, if no cookie carries it',
          content: json(objectOf({ [options.refresh.field]: TEXT })),
        },
        responses: ok(
          'The new tokens, as cookies or in this body',
          issuedWith(parts),
        ),
      },
      possibleRefusals(runtime, posted),
    );
  }
  describe(
    'logout',
    {
      summary: 'Ends the session. Idempotent.',
      responses: { 204: { description: 'No session remains' } },
    },
    [
      ...possibleRefusals(runtime, { ...posted, isOptional: true }),
      ...(reachesOthers ? (['STORE_UNAVAILABLE'] as const) : []),
    ],
  );
  if (options.store) {
    describe('devices', {
      summary: 'Lists the sessions of the user',
      responses: ok('The sessions, most recently used first', {
        type: 'array',
        items: DEVICE,
      }),
    });
    describe('endDevice', {
      summary: 'Ends a session of the user',
      responses: {
        204: { description: 'The session has ended' },
        404: { description: 'The user has no such session' },
      },
    });
  }
  if (reachesOthers) {
    describe('endOtherDevices', {
      summary: 'Ends all other sessions of the user',
      responses: ok(
        'The number of sessions that the store ended',
        objectOf({ ended: { type: 'integer' } }),
      ),
    });
  }
  return found;
}

function ok(description: string, schema: Schema) {
  return { 200: { description, content: json(schema) } };
}

function json(schema: Schema) {
  return { 'application/json': { schema } };
}

import type { Type } from '@nestjs/common';
import {
  exposedParts,
  type ExposedPart,
  type ResolvedRoutesOptions,
} from '../../options/resolve-routes-options.js';
import type { SessionRuntime } from '../session-runtime.js';

/** An OpenAPI schema. */
type Schema = Readonly<Record<string, any>>;

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
  isCurrent: { type: 'boolean' },
});

/** Describes the ready-made routes to `@nestjs/swagger`, if that is installed: what they accept and return. */
export async function describeRoutes(
  controller: Type,
  routes: Pick<ResolvedRoutesOptions, 'expose'>,
  { options, transports }: SessionRuntime,
): Promise<void> {
  const swagger = await importSwagger();
  if (!swagger) {
    return;
  }
  const {
    ApiBody,
    ApiExcludeEndpoint,
    ApiHeader,
    ApiNoContentResponse,
    ApiNotFoundResponse,
    ApiOkResponse,
    ApiOperation,
    ApiResponse,
    ApiSecurity,
    ApiTags,
  } = swagger;
  const parts = exposedParts(routes, options);
  const says = (summary: string) => ApiOperation({ summary });
  const answers = (description: string, schema: Schema) =>
    ApiOkResponse({ description, schema });
  const refuses = (status: number, description: string) =>
    ApiResponse({ status, description });
  const { headerName, token } = options.csrf;
  const unsafe = [
    refuses(403, 'Refused as a cross-site request'),
    ...[headerName, token?.headerName].flatMap((name) =>
      name === undefined
        ? []
        : ApiHeader({ name, description: 'Protects against CSRF' }),
    ),
  ];
  const signedIn = [
    refuses(401, 'No valid session'),
    refuses(503, 'Temporarily unavailable; the session is kept'),
    ...transports.all.map(({ ambient }) =>
      ApiSecurity((ambient ?? true) ? 'cookie' : 'bearer'),
    ),
  ];
  const storeOnly = ApiExcludeEndpoint(!options.store);
  const methods: Readonly<Record<string, readonly MethodDecorator[]>> = {
    current: [
      says('Returns the current session'),
      answers('The current session', sessionWith(parts)),
      ...signedIn,
    ],
    refresh: [
      says('Exchanges a refresh token for new tokens'),
      ...(options.refresh
        ? [
            ApiBody({
              required: false,
              description: 'The refresh token, if no cookie carries it',
              schema: objectOf({ [options.refresh.field]: TEXT }),
            }),
          ]
        : [ApiExcludeEndpoint()]),
      answers('The new tokens, as cookies or in this body', issuedWith(parts)),
      refuses(401, 'No valid refresh token'),
      refuses(503, 'Temporarily unavailable; the session is kept'),
      ...unsafe,
    ],
    logout: [
      says('Ends the session. Idempotent.'),
      ApiNoContentResponse({ description: 'No session remains' }),
      ...unsafe,
    ],
    devices: [
      says('Lists the sessions of the user'),
      storeOnly,
      answers('The sessions, most recently used first', {
        type: 'array',
        items: DEVICE,
      }),
      ...signedIn,
    ],
    endOtherDevices: [
      says('Ends all other sessions of the user'),
      storeOnly,
      answers(
        'The number of sessions ended',
        objectOf({ ended: { type: 'integer' } }),
      ),
      ...unsafe,
      ...signedIn,
    ],
    endDevice: [
      says('Ends a session of the user'),
      storeOnly,
      ApiNoContentResponse({ description: 'The session has ended' }),
      ApiNotFoundResponse({ description: 'The user has no such session' }),
      ...unsafe,
      ...signedIn,
    ],
  };
  ApiTags('session')(controller);
  const prototype: object = controller.prototype;
  for (const [name, decorators] of Object.entries(methods)) {
    const method = Object.getOwnPropertyDescriptor(prototype, name)!;
    for (const decorate of decorators) {
      decorate(prototype, name, method);
    }
  }
}

function objectOf(properties: Readonly<Record<string, Schema>>): Schema {
  return { type: 'object', properties };
}

async function importSwagger(): Promise<
  typeof import('@nestjs/swagger') | undefined
> {
  try {
    return await import('@nestjs/swagger');
  } catch {
    return undefined;
  }
}

import type { Type } from '@nestjs/common';
import {
  exposedParts,
  type ExposedPart,
  type ResolvedRoutesOptions,
} from '../options/resolve-routes-options.js';
import type { SessionRuntime } from './session-runtime.js';

/** A schema of OpenAPI. */
type Schema = Readonly<Record<string, any>>;

const TEXT: Schema = { type: 'string' };
const TIME: Schema = { type: 'string', format: 'date-time' };
/** What the application decides. */
const ANY_OBJECT: Schema = { type: 'object', additionalProperties: true };

/** What `GET` shows of a session. */
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

/** What a refresh answers. */
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

/** Tells `@nestjs/swagger`, where it is installed, what the ready-made routes take and answer. */
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
    refuses(403, 'The request comes from another site'),
    ...[headerName, token?.headerName].flatMap((name) =>
      name === undefined
        ? []
        : ApiHeader({ name, description: 'Against CSRF' }),
    ),
  ];
  const signedIn = [
    refuses(401, 'No session, or one that is over'),
    refuses(503, 'Cannot be told now; the session is kept'),
    ...transports.all.map(({ ambient }) =>
      ApiSecurity((ambient ?? true) ? 'cookie' : 'bearer'),
    ),
  ];
  const storeOnly = ApiExcludeEndpoint(!options.store);
  const methods: Readonly<Record<string, readonly MethodDecorator[]>> = {
    current: [
      says('The session'),
      answers('The session', sessionWith(parts)),
      ...signedIn,
    ],
    refresh: [
      says('New tokens for a refresh token'),
      ...(options.refresh
        ? [
            ApiBody({
              required: false,
              description: 'Where no cookie brings the refresh token',
              schema: objectOf({ [options.refresh.field]: TEXT }),
            }),
          ]
        : [ApiExcludeEndpoint()]),
      answers('The tokens, in the cookies or here', issuedWith(parts)),
      refuses(401, 'No refresh token, or one that is over'),
      refuses(503, 'Cannot be told now; the session is kept'),
      ...unsafe,
    ],
    logout: [
      says('Ends the session; twice is fine'),
      ApiNoContentResponse({ description: 'There is no session any more' }),
      ...unsafe,
    ],
    devices: [
      says('The sessions of the user'),
      storeOnly,
      answers('The one that was used last first', {
        type: 'array',
        items: DEVICE,
      }),
      ...signedIn,
    ],
    endOtherDevices: [
      says('Ends all other sessions of the user'),
      storeOnly,
      answers('How many', objectOf({ ended: { type: 'integer' } })),
      ...unsafe,
      ...signedIn,
    ],
    endDevice: [
      says('Ends a session of the user'),
      storeOnly,
      ApiNoContentResponse({ description: 'It has ended' }),
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

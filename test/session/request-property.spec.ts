import {
  isActiveSession,
  type ActiveSession,
} from '../../lib/session/model/active-session.js';
import {
  occupantOf,
  propertyTaken,
} from '../../lib/session/request/request-property.js';

class Session {
  readonly token = 'opens everything';
}

/** As a session of another module, or of another copy of the package, looks from here. */
const OURS = Object.defineProperty(
  {},
  Symbol.for('nestjs-session-jwt:active-session:v1'),
  { value: true },
) as ActiveSession;

const throwing = (): never => {
  throw new Error('not now');
};

describe('what stands in the way of a session at a property of a request', () => {
  it.each<[string, object]>([
    ['no such property', {}],
    ['undefined', { session: undefined }],
    ['null, as Fastify decorates requests', { session: null }],
    ['undefined on the prototype', Object.create({ session: undefined })],
    ['a session of ours', { session: OURS }],
    [
      'an accessor that holds nothing yet',
      Object.defineProperty({}, 'session', {
        get: () => undefined,
        set(_value) {},
      }),
    ],
  ])('is nothing: %s', (_kind, request) => {
    expect(occupantOf(request, 'session')).toBeUndefined();
  });

  it.each<[string, object, string]>([
    [
      'an object of a class',
      { session: new Session() },
      'an object of class Session',
    ],
    ['a plain object', { session: { token: 'a' } }, 'an object'],
    [
      'an object without prototype',
      { session: Object.create(null) },
      'an object',
    ],
    [
      'an object of a class on the prototype',
      Object.create({ session: new Session() }),
      'an object of class Session',
    ],
    ['a text', { session: 'opens everything' }, 'a string'],
    ['an empty text', { session: '' }, 'a string'],
    ['false', { session: false }, 'a boolean'],
    ['zero', { session: 0 }, 'a number'],
    ['a function', { session: () => undefined }, 'a function'],
    [
      'a getter without a setter',
      Object.defineProperty({}, 'session', { get: () => undefined }),
      'a read-only property',
    ],
    [
      'a getter without a setter on the prototype',
      Object.create({
        get session() {
          return undefined;
        },
      }),
      'a read-only property',
    ],
    [
      'a read-only value',
      Object.defineProperty({}, 'session', { value: undefined }),
      'a read-only property',
    ],
    [
      'a getter that throws',
      Object.defineProperty({}, 'session', { get: throwing, set: throwing }),
      'a getter that throws',
    ],
    [
      'an object whose class cannot be read',
      {
        session: new Proxy(
          {},
          {
            get: (_, name) => (name === 'constructor' ? throwing() : undefined),
          },
        ),
      },
      'an object',
    ],
    [
      'a request that is frozen',
      Object.freeze({}),
      'a request that cannot be extended',
    ],
  ])('is %s', (_kind, request, expected) => {
    const occupant = occupantOf(request, 'session');
    expect(occupant).toBe(expected);
    const { code, message } = propertyTaken('session', occupant!);
    expect(code).toBe('REQUEST_PROPERTY_TAKEN');
    expect(message).toContain('request.session');
    expect(message).toContain('set requestProperty to');
    expect(message).not.toContain('opens everything');
  });
});

it.each([[undefined], [null], ['session'], [{}], [() => undefined]])(
  'takes %p for no session of ours',
  (value) => {
    expect(isActiveSession(value)).toBe(false);
  },
);

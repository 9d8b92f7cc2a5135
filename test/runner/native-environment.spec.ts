import { createRequire } from 'node:module';
import { runInThisContext } from 'node:vm';
import { jest } from '@jest/globals';
import * as common from '@nestjs/common';

interface Environment {
  setup(): void;
  teardown(): void;
}
const require = createRequire(import.meta.url);
const NativeEnvironment = require('./native-environment.cjs') as new (config: {
  projectConfig: object;
}) => Environment;

describe('what specs run in', () => {
  it.each(['Array', 'Error', 'Promise', 'process'])(
    'has the %s of Node, like the packages',
    (name) => {
      expect(runInThisContext(name)).toBe(Reflect.get(globalThis, name));
    },
  );

  it('has packages that Node has loaded', () => {
    expect(require('@nestjs/common')).toHaveProperty(
      'HttpException',
      common.HttpException,
    );
  });

  it('has one `lib/` for all specs, and another one for a spec that replaces a package', async () => {
    const path = '../../lib/errors/session-error.js';
    const { SessionError } = (await import(path)) as { SessionError: unknown };
    const again = (await import(path)) as { SessionError: unknown };
    expect(again.SessionError).toBe(SessionError);
    jest.unstable_mockModule('a-package', () => ({}));
    const own = (await import(path)) as { SessionError: unknown };
    expect(own.SessionError).not.toBe(SessionError);
  });

  it('keeps which test runs in no `AsyncLocalStorage`, for which every promise would pay', () => {
    const { stack } = new Error();
    expect(stack).toContain('SpecStorage.run');
    expect(stack).not.toContain('AsyncLocalStorage');
  });

  it('takes away what a spec leaves behind', () => {
    const environment = new NativeEnvironment({ projectConfig: {} });
    const { fetch } = globalThis;
    const { HOME } = process.env;
    environment.setup();
    Object.assign(globalThis, { fetch: () => undefined, leftBehind: true });
    Object.assign(process.env, { HOME: '/nowhere', LEFT_BEHIND: 'true' });
    environment.teardown();
    expect(globalThis).not.toHaveProperty('leftBehind');
    expect(globalThis.fetch).toBe(fetch);
    expect(process.env).not.toHaveProperty('LEFT_BEHIND');
    expect(process.env['HOME']).toBe(HOME);
  });
});

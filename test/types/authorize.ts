import { Controller, Get } from '@nestjs/common';
import { type ActiveSession, Authorize } from 'nestjs-session-jwt';
import type { Attributes, ExpandedUser } from './application-types.js';
import { expectTrue, type Equals } from './expect-type.js';

type Role = 'admin' | 'member';

export const Roles = (...roles: Role[]) =>
  Authorize((s) => roles.some((r) => s.data.roles.includes(r)));

export const Can = (permission: string) =>
  Authorize((session) => {
    expectTrue<Equals<typeof session, ActiveSession>>();
    expectTrue<Equals<typeof session.data, ExpandedUser>>();
    expectTrue<Equals<typeof session.params, string>>();
    expectTrue<Equals<typeof session.attributes, Readonly<Attributes>>>();
    return session.data.can(permission);
  });

export const Later = Authorize(async ({ data }) => data.can('wait'));

/** Sessions of a second module, with other types. */
export const Staff = Authorize(
  (session: ActiveSession<number, { level: number }>) => session.data.level > 1,
);

@Roles('admin')
@Controller()
export class Decorated {
  @Can('read') @Later @Staff @Get() index() {}
}

// @ts-expect-error: no such member
export const unknownMember = Authorize((session) => session.data.isAdmin);

// @ts-expect-error: not a boolean
export const text = Authorize((session) => session.data.roles[0]);

export const maybe = Authorize(
  // @ts-expect-error: possibly undefined
  ({ attributes }) => attributes.theme?.startsWith('a'),
);

declare const query: PromiseLike<boolean>;
// @ts-expect-error: a query, which must be awaited
export const Queried = Authorize(() => query);

// @ts-expect-error: no predicate
export const missing = Authorize();

// @ts-expect-error: no such role
export const noRole = Roles('root');

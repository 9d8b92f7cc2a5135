import type { CallRequest } from './http-call.js';

/** What a client may want. */
export type OperationName =
  | 'me'
  | 'checked'
  | 'reload'
  | 'devices'
  | 'refresh'
  | 'signOut'
  | 'signOutOthers'
  | 'signOutEverywhere';

export interface Operation extends Pick<CallRequest, 'method' | 'path'> {
  readonly name: OperationName;
  /** Whether the store is asked for the session, so that a revocation holds at once. */
  readonly isChecked: boolean;
  /** Which sessions it ends. */
  readonly ends?: 'own' | 'others' | 'all';
}

const define = (
  name: OperationName,
  method: Operation['method'],
  path: string,
  rest: Partial<Operation> = {},
): Operation => ({ name, method, path, isChecked: true, ...rest });

export const OPERATIONS: Readonly<Record<OperationName, Operation>> = {
  me: define('me', 'GET', '/me', { isChecked: false }),
  checked: define('checked', 'GET', '/checked'),
  reload: define('reload', 'POST', '/reload'),
  devices: define('devices', 'GET', '/session/devices'),
  refresh: define('refresh', 'POST', '/session/refresh'),
  signOut: define('signOut', 'POST', '/session/logout', {
    isChecked: false,
    ends: 'own',
  }),
  signOutOthers: define('signOutOthers', 'DELETE', '/session/devices/others', {
    ends: 'others',
  }),
  signOutEverywhere: define(
    'signOutEverywhere',
    'POST',
    '/sign-out-everywhere',
    { ends: 'all' },
  ),
};

/** How often clients want what, when they have a session. */
export const WISHES: readonly (readonly [OperationName, number])[] = [
  ['me', 30],
  ['checked', 12],
  ['reload', 8],
  ['devices', 8],
  ['refresh', 30],
  ['signOut', 4],
  ['signOutOthers', 2],
  ['signOutEverywhere', 3],
];

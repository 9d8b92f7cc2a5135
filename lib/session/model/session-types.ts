/**
 * Types of the sessions of an application, declared once by merging:
 *
 * ```ts
 * declare module 'nestjs-session-jwt' {
 *   interface SessionTypes { params: string; data: UserData; attributes: { theme?: string } }
 * }
 * ```
 *
 * Members: `params`, `data`, `attributes`, and `expanded` if the loader has an `expand`. Undeclared members are not
 * checked.
 */
// eslint-disable-next-line @typescript-eslint/no-empty-object-type
export interface SessionTypes {}

type Declared<Name extends string, Otherwise> =
  SessionTypes extends Record<Name, infer Type> ? Type : Otherwise;

/** Arguments of the loader, stored in the token. */
export type SessionParams = Declared<'params', any>;
/** What the loader returns, stored in the token. */
export type SessionData = Declared<'data', any>;
/** What the application itself attaches to a session. */
export type SessionAttributes = Declared<'attributes', Record<string, any>>;
/** What handlers see as `data`: the loader's data, or the result of its `expand`. */
export type ExpandedSessionData = Declared<'expanded', SessionData>;

/** Whether two types are the same, `any` and `unknown` told apart. */
export type Equals<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2
    ? true
    : false;

export type IsAny<T> = 0 extends 1 & T ? true : false;

/** Compiles only for `true`. */
export function expectTrue<T extends true>(): T | undefined {
  return undefined;
}

/** Compiles only for `false`. */
export function expectFalse<T extends false>(): T | undefined {
  return undefined;
}

interface Page {
  readonly document?: { readonly baseURI?: string; readonly cookie?: string };
  readonly location?: { readonly href: string };
}

/** The base of relative addresses. A worker has no document, and Node has neither. */
export function baseOfPage(): string | undefined {
  const { document, location } = globalThis as Page;
  return document?.baseURI ?? location?.href;
}

/** Returns the value of a cookie that scripts may read. */
export function readCookie(name: string): string | undefined {
  const { document } = globalThis as Page;
  return document?.cookie
    ?.split('; ')
    .find((each) => each.startsWith(`${name}=`))
    ?.slice(name.length + 1);
}

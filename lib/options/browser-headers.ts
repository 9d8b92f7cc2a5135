/** Headers that another site can make a browser send: their presence proves nothing. */
const SENT_BY_BROWSERS =
  /^(?:authorization|accept|accept-language|content-language|content-type|range|cookie|origin|referer|host|user-agent|connection|content-length|accept-encoding|cache-control|pragma|priority|upgrade-insecure-requests|dnt|te|via|sec-.*|proxy-.*|access-control-.*)$/;

/** Returns whether browsers send a header on their own. @param name in lower case */
export function isSentByBrowsers(name: string): boolean {
  return SENT_BY_BROWSERS.test(name);
}

/** The first that matches counts: Edge calls itself Chrome too, and Chrome calls itself Safari. */
const BROWSERS =
  /\b(Edg|Firefox|FxiOS|HeadlessChrome|Chrome|CriOS|Safari)\w*\//;
const SYSTEMS = /\b(iPhone|iPad|Android|Windows|Macintosh|CrOS|Linux)\b/;
const NAMES: Record<string, string> = {
  Edg: 'Edge',
  FxiOS: 'Firefox',
  HeadlessChrome: 'Chrome',
  CriOS: 'Chrome',
  Macintosh: 'Mac',
  CrOS: 'ChromeOS',
};

/** `Firefox on Linux`: said by the client, so it is good for showing only. */
export function nameOfBrowser(userAgent = ''): string {
  const find = (names: RegExp): string | undefined => {
    const found = names.exec(userAgent)?.[1];
    return found && (NAMES[found] ?? found);
  };
  return `${find(BROWSERS) ?? 'Unknown browser'} on ${find(SYSTEMS) ?? 'unknown system'}`;
}

export function createTokenSearch(
  output: string,
): (
  token: string,
) => { part: 'signature' | 'payload'; line: number } | undefined;

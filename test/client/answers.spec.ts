import {
  readAnswer,
  verdictOnRefresh,
  verdictOnRequest,
} from '../../lib/client/answers.js';

const OURS = { errorCode: 'SESSION_REQUIRED' };

describe('the verdict on a 401 of a request', () => {
  it.each<[method: string, body: object | undefined, verdict: string]>([
    ['GET', OURS, 'refused'],
    ['HEAD', OURS, 'refused'],
    ['POST', OURS, 'refused'],
    ['DELETE', OURS, 'refused'],
    ['GET', undefined, 'unclear'],
    ['HEAD', undefined, 'unclear'],
    ['OPTIONS', {}, 'unclear'],
    ['GET', { errorCode: 401 }, 'unclear'],
    ['GET', { error: OURS }, 'unclear'],
    ['GET', [OURS], 'unclear'],
    ['GET', { errorCode: 'REAUTHENTICATION_REQUIRED' }, 'other'],
    ['GET', { errorCode: 'session_required' }, 'other'],
    ['GET', { errorCode: '' }, 'other'],
    ['POST', undefined, 'other'],
    ['POST', {}, 'other'],
    ['PUT', { message: 'Unauthorized' }, 'other'],
    ['PATCH', { error: OURS }, 'other'],
    ['get', undefined, 'other'],
  ])('of %s with %j is %s', (method, body, verdict) => {
    const given = body as Parameters<typeof verdictOnRequest>[1];
    expect(verdictOnRequest(method, given)).toBe(verdict);
  });
});

describe('the verdict on the answer of a refresh', () => {
  const TOKENS = { token: 'a', refreshToken: 'b' };

  it.each<
    [status: number, body: object | undefined, cookies: string, memory: string]
  >([
    [200, TOKENS, 'refreshed', 'refreshed'],
    [200, { token: 'a' }, 'refreshed', 'refreshed'],
    [200, { data: {} }, 'refreshed', 'outage'],
    [200, { token: 1 }, 'refreshed', 'outage'],
    [200, OURS, 'refreshed', 'outage'],
    [201, TOKENS, 'refreshed', 'refreshed'],
    [204, undefined, 'refreshed', 'outage'],
    [200, undefined, 'outage', 'outage'],
    [401, OURS, 'ended', 'ended'],
    [401, { ...OURS, ...TOKENS }, 'ended', 'ended'],
    [401, undefined, 'outage', 'outage'],
    [401, {}, 'outage', 'outage'],
    [401, { error: OURS }, 'outage', 'outage'],
    [401, { errorCode: 'REAUTHENTICATION_REQUIRED' }, 'outage', 'outage'],
    ...[0, 302, 400, 403, 404, 405, 407, 410, 429, 500, 502, 503, 511].flatMap(
      (status): [number, object | undefined, string, string][] => [
        [status, undefined, 'outage', 'outage'],
        [status, OURS, 'outage', 'outage'],
        [status, TOKENS, 'outage', 'outage'],
      ],
    ),
  ])('of %d with %j is %s with cookies, %s in memory', (status, ...row) => {
    const [body, cookies, memory] = row;
    const answer = { ok: status >= 200 && status < 300, status };
    const given = body as Parameters<typeof verdictOnRefresh>[1];
    expect(verdictOnRefresh(answer, given, false)).toBe(cookies);
    expect(verdictOnRefresh(answer, given, true)).toBe(memory);
  });
});

describe('the reading of an answer', () => {
  it.each<[text: string, body: unknown]>([
    ['{"errorCode":"SESSION_REQUIRED"}', OURS],
    ['<!doctype html>', undefined],
    ['', undefined],
    ['null', undefined],
    ['{"errorCode":"SESSION_REQ', undefined],
  ])('of %p gives %j, and leaves the answer readable', async (text, body) => {
    const response = new Response(text);
    expect(await readAnswer(response)).toEqual({ text, body });
    expect(await response.text()).toBe(text);
  });

  it('gives nothing for one that has been read already', async () => {
    const response = new Response('{}');
    await response.text();
    expect(await readAnswer(response)).toEqual({ text: '', body: undefined });
  });
});

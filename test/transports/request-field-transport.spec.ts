import {
  RequestFieldTransport,
  type RequestFieldOptions,
} from '../../lib/transports/request-field-transport.js';
import type { RequestFacts } from '../../lib/ports/request-facts.js';

const EVERYWHERE: RequestFieldOptions = {
  header: 'X-Token',
  query: 'token',
  body: 'token',
};

describe('a token in a header, query or body of its own', () => {
  it.each<
    [
      what: string,
      options: RequestFieldOptions,
      facts: Partial<RequestFacts>,
      proves: boolean,
    ]
  >([
    ['the header', EVERYWHERE, { headers: { 'x-token': 'x' } }, true],
    ['an empty header', EVERYWHERE, { headers: { 'x-token': '' } }, true],
    ['the query', EVERYWHERE, { url: '/?token=x' }, false],
    ['an empty query', EVERYWHERE, { url: '/?token=' }, false],
    ['two in the query', EVERYWHERE, { url: '/?token=x&token=y' }, false],
    ['the body', EVERYWHERE, { body: { token: 'x' } }, false],
    [
      'the header beside the query',
      EVERYWHERE,
      { headers: { 'x-token': 'x' }, url: '/?token=x' },
      true,
    ],
    ['nothing', EVERYWHERE, {}, false],
    [
      'a header that it does not read',
      { query: 'token' },
      { headers: { 'x-token': 'x' }, url: '/?token=x' },
      false,
    ],
    ...['Authorization', 'Content-Type', 'Referer', 'Cookie'].map(
      (
        header,
      ): [string, RequestFieldOptions, Partial<RequestFacts>, boolean] => [
        `${header}, which browsers send on their own`,
        { header },
        { headers: { [header.toLowerCase()]: 'x' } },
        false,
      ],
    ),
  ])(
    'A-131: proves where its request comes from by what no form can send: %s',
    (_what, options, facts, proves) => {
      const transport = new RequestFieldTransport(options);
      expect(transport.provesOrigin({ headers: {}, ...facts })).toBe(proves);
    },
  );
});

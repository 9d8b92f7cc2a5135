import { gql } from '@apollo/client';
import { parse, type DocumentNode } from 'graphql';
import {
  SessionClient,
  type GraphqlDocument,
  type SessionClientOptions,
  type SessionTokenStorage,
} from '../../lib/client/index.js';
import { expectFalse, expectTrue, type Equals } from './expect-type.js';

interface SecureStore {
  getItemAsync(name: string): Promise<string | null>;
  setItemAsync(name: string, value: string): Promise<void>;
  deleteItemAsync(name: string): Promise<void>;
}
declare const secureStore: SecureStore;
declare const localStorage: {
  getItem(name: string): string | null;
  setItem(name: string, value: string): void;
  removeItem(name: string): void;
};
declare const values: Map<string, string>;

/** Storages as applications write them: with promises, without, and with results. */
export const storages: SessionTokenStorage[] = [
  {
    get: (name) => secureStore.getItemAsync(name),
    set: (name, value) =>
      value === null
        ? secureStore.deleteItemAsync(name)
        : secureStore.setItemAsync(name, value),
  },
  {
    get: (name) => localStorage.getItem(name),
    set: (name, value) =>
      value === null
        ? localStorage.removeItem(name)
        : localStorage.setItem(name, value),
  },
  {
    get: (name) => values.get(name),
    set: (name, value) =>
      value === null ? values.delete(name) : values.set(name, value),
  },
];

export const choices: SessionClientOptions[] = [
  {},
  { tokens: 'cookies' },
  { tokens: 'memory' },
  { tokens: storages[0]! },
  // @ts-expect-error there is no such place
  { tokens: 'localStorage' },
  // @ts-expect-error a storage of the browser has other names
  { tokens: localStorage },
  // @ts-expect-error what is written must also be read
  { tokens: { set: () => undefined } },
];

const client = new SessionClient();
expectTrue<
  Equals<ReturnType<typeof client.token>, Promise<string | undefined>>
>();
expectTrue<DocumentNode extends GraphqlDocument ? true : false>();
expectFalse<string extends GraphqlDocument ? true : false>();

export const requests: Promise<Response>[] = [
  client.fetch('/graphql', { graphql: parse('{ a }') }),
  client.fetch('/graphql', { graphql: gql('{ a }'), passive: true }),
  // @ts-expect-error the text is not parsed
  client.fetch('/graphql', { graphql: '{ a }' }),
];

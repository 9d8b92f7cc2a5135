import inspector from 'node:inspector';
import { Session } from 'node:inspector/promises';

interface RemoteObject {
  readonly objectId?: string;
  readonly value?: unknown;
}

interface PrivateProperty {
  readonly name: string;
  readonly value: RemoteObject;
}

const SHARED = 'test/stores/private-state';
const TO_TEXT = `function () {
  return JSON.stringify(this, (_, part) =>
    part?.[Symbol.toStringTag] === 'Map' ? [...part] : part);
}`;

/** What an object keeps in `#private` fields, as text, so that it need not offer it to anybody. */
export async function privateStateOf(object: object): Promise<string> {
  const session = new Session();
  const post = <T>(method: string, params: object): Promise<T> =>
    session.post(method, params) as Promise<unknown> as Promise<T>;
  session.connect();
  // The debugger sees the modules of Node itself, and not the variables of a test.
  Reflect.set(inspector, SHARED, object);
  try {
    const { result } = await post<{ result: RemoteObject }>(
      'Runtime.evaluate',
      {
        expression: `require('node:inspector')['${SHARED}']`,
        includeCommandLineAPI: true,
      },
    );
    const privatesOf = async (objectId: string | undefined) => {
      const { privateProperties = [] } = await post<{
        privateProperties?: PrivateProperty[];
      }>('Runtime.getProperties', { objectId, ownProperties: true });
      return privateProperties.filter(({ value }) => value.objectId);
    };
    const texts: string[] = [];
    // What an object keeps in parts of its own counts, too.
    const waiting = await privatesOf(result.objectId);
    for (const { name, value } of waiting) {
      const { objectId } = value;
      const text = await post<{ result: RemoteObject }>(
        'Runtime.callFunctionOn',
        { objectId, functionDeclaration: TO_TEXT, returnByValue: true },
      );
      texts.push(`${name}: ${String(text.result.value)}`);
      waiting.push(...(await privatesOf(objectId)));
    }
    return texts.join('\n');
  } finally {
    Reflect.deleteProperty(inspector, SHARED);
    session.disconnect();
  }
}

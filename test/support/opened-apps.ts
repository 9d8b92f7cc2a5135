import {
  startTestApp,
  type AdapterName,
  type TestApp,
  type TestAppOptions,
} from './test-app.js';

const opened: TestApp[] = [];

/** An application for one test, closed after it whatever becomes of the test. */
export async function openTestApp(
  adapter: AdapterName,
  options: TestAppOptions = {},
): Promise<TestApp> {
  const app = await startTestApp(adapter, options);
  opened.push(app);
  return app;
}

afterEach(async () => {
  await Promise.all(opened.splice(0).map((app) => app.close()));
});

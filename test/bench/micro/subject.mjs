/** Measures one subject in this process and sends the result to the parent. */
const [subject, isQuick] = process.argv.slice(2);
const settings =
  isQuick === 'true'
    ? { isQuick: true, rounds: 5, milliseconds: 15 }
    : { isQuick: false, rounds: 11, milliseconds: 40 };

// As servers run: without the hints for developers.
process.env.NODE_ENV = 'production';

const { measure } = await import(`./${subject}.mjs`);
const result = await measure(settings);
process.send(result, () => process.exit(0));

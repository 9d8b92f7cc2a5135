/**
 * `node flood.mjs port rate file`: sends so many different bad tokens a second to `GET /me`, until it is stopped. Only
 * their signatures are wrong, which is the kind that costs a server most; without a file they are no tokens at all.
 * Reports to its parent when it has started and, once stopped, how many were refused.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';

const [port, rate, file] = process.argv.slice(2);
const CONNECTIONS = 20;
const TICK = 1;
const REFUSED = 'HTTP/1.1 401';

const good = file && readFileSync(file, 'utf8').split('\n', 1)[0];
let sent = 0;
let refused = 0;

const sockets = Array.from({ length: CONNECTIONS }, () =>
  connect(Number(port), '127.0.0.1')
    .setEncoding('latin1')
    .on('data', (text) => {
      refused += text.split(REFUSED).length - 1;
    }),
);
const start = performance.now();
setInterval(() => {
  const due = Math.floor(((performance.now() - start) / 1000) * rate);
  for (; sent < due; sent += 1) {
    sockets[sent % CONNECTIONS].write(
      `GET /me HTTP/1.1\r\nHost: 127.0.0.1\r\n${badCredential()}\r\n`,
    );
  }
}, TICK);

process.send('begun');
process.on('message', () => {
  process.send({ refused, seconds: (performance.now() - start) / 1000 }, () =>
    process.exit(0),
  );
});
process.on('disconnect', () => process.exit(0));

function badCredential() {
  return good ? `${good.slice(0, -43)}${randomSignature()}\r\n` : '';
}

/** 32 random bytes, as an HS256 signature is written. */
function randomSignature() {
  return randomBytes(32).toString('base64url');
}

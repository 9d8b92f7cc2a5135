import cluster from 'node:cluster';
import { randomBytes } from 'node:crypto';

const PROCESSES = 2;

// Two processes behind one port. Each verifies the tokens of the other, so they need the same secret.
if (cluster.isPrimary) {
  const secret = process.env.SESSION_SECRET ?? randomBytes(32).toString('hex');
  for (let i = 0; i < PROCESSES; i += 1) {
    cluster.fork({ SESSION_SECRET: secret });
  }
  // One that ends takes the others with it: without Redis none of them starts.
  cluster.on('exit', (_worker, code) => process.exit(code ?? 1));
} else {
  await import('./main.js');
}

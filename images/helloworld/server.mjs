// The helloworld sample: /hello names version and instance, /headers shows the request as it arrived, /health answers 200.
import { createServer } from 'node:http';
import { hostname } from 'node:os';

const version = process.env.SERVICE_VERSION ?? 'unknown';
const instance = process.env.HOSTNAME || hostname();
const port = Number(process.env.PORT ?? 5000);

const server = createServer((request, response) => {
  const { pathname } = new URL(request.url ?? '/', 'http://helloworld');
  request.resume();
  if (pathname === '/hello') {
    response.setHeader('content-type', 'text/plain; charset=utf-8');
    response.end(`Hello version: ${version}, instance: ${instance}\n`);
  } else if (pathname === '/headers') {
    const { remoteAddress, remotePort } = request.socket;
    response.setHeader('content-type', 'application/json');
    const seen = { version, instance, peer: { address: remoteAddress, port: remotePort }, headers: request.headers };
    response.end(`${JSON.stringify(seen, undefined, 2)}\n`);
  } else if (pathname === '/health' || pathname === '/') {
    response.end('ok\n');
  } else {
    response.writeHead(404).end('not found\n');
  }
});

server.keepAliveTimeout = 65_000;
server.listen(port, () => console.log(`helloworld ${version} listens on ${port}`));

// Callers learn of the end a moment after it begins: serve on until they have, then finish what was asked.
// kubelet follows with SIGKILL when the grace period is over.
const LAME_DUCK_MS = 3000;
process.once('SIGTERM', () => {
  setTimeout(() => {
    server.close(() => process.exit(0));
    server.closeIdleConnections();
  }, LAME_DUCK_MS);
});

// The application of the sidecar measurement: answers every request with about a kilobyte.
import { createServer } from 'node:http';

const BODY = 'x'.repeat(1024);

createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
  request.resume();
  response.setHeader('content-type', 'text/plain');
  // Who called, as the proxy before this application has proved it: that mutual TLS was in the way can be seen.
  response.setHeader('x-caller', request.headers['x-forwarded-client-cert'] ?? 'unknown');
  response.end(BODY);
}).listen(8080);

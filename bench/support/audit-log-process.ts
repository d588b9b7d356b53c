/** An issuer that does nothing but answer its audit log, from memory: its work is not what is measured. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { auditPages, type AuditWish } from './audit-events.ts';
import { argument, serve } from './remote.ts';

const pages = auditPages(argument() as AuditWish).map((page) => Buffer.from(page));
const server = createServer((request, response) => {
  const page = pages[Number(new URL(request.url ?? '/', 'http://localhost').searchParams.get('cursor') ?? 0)];
  response.writeHead(page === undefined ? 404 : 200, { 'content-type': 'application/json' }).end(page);
});
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
serve(
  { where: () => `http://127.0.0.1:${(server.address() as AddressInfo).port}` },
  async () => {
    server.closeAllConnections();
    server.close();
  },
);

/**
 * Between a mail channel and its server, to lose things on the way. What passes is encrypted: that a message went over is
 * seen by its length, and what the server says next is its answer.
 */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';

/**
 * `refuse`: closed at once. `hang`: nothing passes. `reset`: cut in the middle of the message. `lost`: cut when the server has
 * taken it and answers. `mute`: that answer never comes.
 */
export const WAY_FAULTS = ['refuse', 'hang', 'reset', 'lost', 'mute'] as const;
export type WayFault = (typeof WAY_FAULTS)[number];

export interface FaultyWay {
  readonly port: number;
  readonly struck: Readonly<Record<WayFault, number>>;
  calm(): void;
  stop(): Promise<void>;
}

/** More than all that is said before the message, the handshake included. */
const A_MESSAGE = 4_000;

/** Every third connection meets a fault, each in its turn. */
export async function faultyWay(target: number): Promise<FaultyWay> {
  const struck: Record<WayFault, number> = { refuse: 0, hang: 0, reset: 0, lost: 0, mute: 0 };
  const sockets = new Set<Socket>();
  let calm = false;
  let connections = 0;
  const server = createServer((near) => {
    keep(near);
    connections += 1;
    const fault = calm || connections % 3 !== 0 ? null : (WAY_FAULTS[(connections / 3 - 1) % WAY_FAULTS.length] ?? null);
    if (fault !== null) struck[fault] += 1;
    if (fault === 'refuse') return void near.destroy();
    if (fault === 'hang') return undefined;
    const far = connect(target, '127.0.0.1');
    keep(far);
    pass(near, far, fault);
    return undefined;
  });
  function keep(socket: Socket): void {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
  }
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    struck,
    calm: () => { calm = true; },
    async stop() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

function pass(near: Socket, far: Socket, fault: WayFault | null): void {
  let sent = 0;
  near.on('data', (chunk: Buffer) => {
    sent += chunk.length;
    if (fault === 'reset' && sent > A_MESSAGE) far.destroy();
    else far.write(chunk);
  });
  far.on('data', (chunk: Buffer) => {
    if (sent <= A_MESSAGE || (fault !== 'lost' && fault !== 'mute')) near.write(chunk);
    else if (fault === 'lost') near.destroy();
  });
  near.on('close', () => far.destroy());
  far.on('close', () => near.destroy());
}

import { type AddressInfo, createServer, type Socket } from "node:net";
import { maxBacklog } from "./passed-socket.ts";
import { descriptorOf } from "./socket-file.ts";

/** A port, of one address or of all; or a socket that listens already. */
export type Place = { port: number; host?: string } | Socket;

/**
 * Descriptors of the listening socket. libuv accepts one connection from each in a turn of the event
 * loop: with only one, a client would wait for as many turns as connections came before its own.
 */
const maxListeners = 16;

/**
 * Listens with several descriptors of one socket, if they can be made.
 * @param duplicate makes another descriptor; negative if it cannot
 * @throws the system's error if the port is not available
 */
export async function listen(
	where: Place,
	accept: (socket: Socket) => void,
	duplicate: (descriptor: number) => number = () => -1,
): Promise<{ address: AddressInfo; close(): Promise<unknown> }> {
	const listenOn = async (place: Place | { fd: number }) => {
		const server = createServer(
			{ pauseOnConnect: true, noDelay: true },
			accept,
		);
		await new Promise<void>((resolve, reject) => {
			server.once("error", reject);
			// with a descriptor, Node ignores a backlog among the options
			server.listen(place, maxBacklog, resolve);
		});
		return server;
	};
	const first = await listenOn(where);
	const servers = [first];
	const own = descriptorOf(first);
	while (own >= 0 && servers.length < maxListeners) {
		const fd = duplicate(own);
		if (fd < 0) break;
		servers.push(await listenOn({ fd }));
	}
	return {
		address: first.address() as AddressInfo,
		close: () =>
			Promise.all(
				servers.map(
					(server) => new Promise((resolve) => server.close(resolve)),
				),
			),
	};
}

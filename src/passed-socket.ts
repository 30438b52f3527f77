import { type AddressInfo, isIP, Socket } from "node:net";
import { systemReason } from "./system-error.ts";

/** Why a program cannot listen: one line that names the socket. */
export class ListenError extends Error {
	override name = "ListenError";
}

/** The first descriptor that systemd passes on. */
const firstPassed = 3;

/**
 * The longest queue of connections that nobody has accepted yet. The system lowers it to
 * `net.core.somaxconn`. Node would lower that of a passed socket to 511.
 */
export const maxBacklog = 2 ** 31 - 1;

/**
 * The descriptor of the socket that systemd opened for this process (sd_listen_fds(3));
 * undefined if there is none.
 * @throws ListenError if there are several
 */
export function passedSocket(
	environment: Readonly<NodeJS.ProcessEnv>,
	pid: number,
): number | undefined {
	const { LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES = "" } = environment;
	if (Number(LISTEN_PID) !== pid) return undefined;
	if (Number(LISTEN_FDS) === 1) return firstPassed;
	const names = LISTEN_FDNAMES.replaceAll(":", ", ");
	throw new ListenError(
		`systemd passes ${LISTEN_FDS} sockets${names && ` (${names})`}, not one`,
	);
}

/** A TCP socket that listens for this program. */
export interface PassedListener {
	/** For `listen()`; a plain descriptor would not tell its address before. */
	readonly socket: Socket;
	/** `::` means all addresses. */
	readonly address: string;
	readonly port: number;
	/** What systemd calls it: the name of its unit, unless that gives another. */
	readonly name: string;
}

/**
 * The TCP socket that systemd listens on for this process; undefined if there is none. Nothing is
 * accepted yet. Call it once.
 * @throws ListenError if there are several, or one that is no TCP socket
 */
export function passedListener(
	environment: Readonly<NodeJS.ProcessEnv>,
	pid: number,
): PassedListener | undefined {
	const fd = passedSocket(environment, pid);
	if (fd === undefined) return undefined;
	const name = environment.LISTEN_FDNAMES || "unnamed";
	try {
		// it must not be read from
		const socket = new Socket({ fd, readable: false, writable: false });
		const { address, port } = socket.address() as Partial<AddressInfo>;
		if (address !== undefined && port !== undefined)
			return { socket, address, port, name };
	} catch (error) {
		const { code = "" } = error as NodeJS.ErrnoException;
		// no socket at all, or one for datagrams
		if (!code.startsWith("ERR_"))
			throw new ListenError(
				`the socket of systemd (${name}): ${systemReason(error)}`,
			);
	}
	throw new ListenError(`the socket of systemd (${name}) is no TCP socket`);
}

/** Whether two texts are the same address. */
const isSameAddress = (one: string, other: string) =>
	one === other ||
	(isIP(one) === 6 &&
		isIP(other) === 6 &&
		new URL(`http://[${one}]`).href === new URL(`http://[${other}]`).href);

/**
 * What speaks against a passed socket: settings that name another port or address. One line for
 * each.
 * @param given the values that are set, and by what: `--port`, `HAPPO_AGENT_PORT`
 */
export function contradictions(
	listener: Pick<PassedListener, "address" | "port" | "name">,
	given: {
		port?: { value: number; source: string } | undefined;
		address?: { value: string; source: string } | undefined;
	},
): string[] {
	const { name } = listener;
	const { port, address } = given;
	const lines: string[] = [];
	if (port && port.value !== listener.port)
		lines.push(
			`${port.source}: ${port.value}, but systemd's socket (${name}) has port ${listener.port}`,
		);
	if (address && !isSameAddress(address.value, listener.address))
		lines.push(
			`${address.source}: ${address.value}, but systemd's socket (${name}) has address ${listener.address}`,
		);
	return lines;
}

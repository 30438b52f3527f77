import { readFile } from "node:fs/promises";
import type { Socket } from "node:net";
import { endianness } from "node:os";

/** An address and a port as the kernel's tables have them. */
function tableEntry(bytes: readonly number[], port: number): string {
	// the kernel prints the address as numbers of 32 bits, in the order of the machine
	const words = Array.from({ length: bytes.length / 4 }, (_, n) => {
		const word = bytes.slice(n * 4, n * 4 + 4);
		return endianness() === "LE" ? word.reverse() : word;
	});
	const hex = (number: number, digits: number) =>
		number.toString(16).toUpperCase().padStart(digits, "0");
	return `${words
		.flat()
		.map((byte) => hex(byte, 2))
		.join("")}:${hex(port, 4)}`;
}

const loopback = [127, 0, 0, 1];
const mapped = [...Array(10).fill(0), 0xff, 0xff, ...loopback];

/** The kernel's tables of connections, and 127.0.0.1 in each. */
const tables = [
	{ file: "/proc/net/tcp", address: loopback },
	{ file: "/proc/net/tcp6", address: mapped },
];

/** A table that changes while it is read may lack a line. */
const attempts = 3;

/**
 * The user at the other end of a connection to 127.0.0.1 from this machine, by id: `unknown` if the
 * kernel does not tell, undefined if it knows no such connection.
 */
export async function peerUser({
	remotePort = 0,
	localPort = 0,
}: Pick<Socket, "remotePort" | "localPort">): Promise<
	number | "unknown" | undefined
> {
	for (let attempt = 0; attempt < attempts; attempt++)
		for (const { file, address } of tables) {
			let table: string;
			try {
				table = await readFile(file, "latin1");
			} catch {
				if (file === tables[0]?.file) return "unknown";
				continue;
			}
			const ends = `: ${tableEntry(address, remotePort)} ${tableEntry(address, localPort)} `;
			const at = table.indexOf(ends);
			if (at < 0) continue;
			// state, queues, timer, retransmissions, user
			const [, , , , user] = table
				.slice(at + ends.length, at + ends.length + 200)
				.trim()
				.split(/\s+/);
			return Number(user);
		}
	return undefined;
}

/**
 * Decides which users of this machine may open the page: the one who runs the program, root, and
 * who became root with sudo. Asks the kernel once for each connection.
 */
export function createUserCheck(
	environment: NodeJS.ProcessEnv,
	userOf: typeof peerUser = peerUser,
): (socket: Socket) => Promise<boolean> {
	const own = process.getuid?.() ?? 0;
	const allowed = new Set([own, 0]);
	if (own === 0 && environment.SUDO_UID)
		allowed.add(Number(environment.SUDO_UID));
	const known = new WeakMap<Socket, Promise<boolean>>();
	return (socket) => {
		const before = known.get(socket);
		if (before) return before;
		const decided = userOf(socket).then(
			(user) => user === "unknown" || (user !== undefined && allowed.has(user)),
		);
		known.set(socket, decided);
		return decided;
	};
}

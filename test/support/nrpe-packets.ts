import { connect as connectPlain, type Socket } from "node:net";
import type { TestContext } from "node:test";
import { type ConnectionOptions, connect as connectTls } from "node:tls";
import { crc32 } from "node:zlib";

/**
 * A request as check_nrpe 4.1 sends it: at least 1,036 bytes; in version 3, three bytes more than
 * its length says.
 */
export function requestPacket(
	version: number,
	text: string | Buffer,
	{ type = 1, isCompact = false } = {},
): Buffer {
	const bytes = Buffer.from(text);
	const end = version === 3 ? 3 : 0;
	const packet = Buffer.alloc(
		version === 2 || !isCompact
			? Math.max(1_036, version === 2 ? 0 : 16 + bytes.length + 1 + end)
			: 16 + bytes.length + 1 + end,
	);
	packet.writeUInt16BE(version, 0);
	packet.writeUInt16BE(type, 2);
	if (version !== 2) packet.writeInt32BE(packet.length - 16 - end, 12);
	packet.set(bytes, version === 2 ? 10 : 16);
	packet.writeUInt32BE(crc32(packet), 4);
	return packet;
}

/** An answer, read as check_nrpe does; throws for one that it would refuse. */
export function readAnswer(packet: Buffer): {
	version: number;
	status: number;
	text: string;
} {
	const version = packet.readUInt16BE(0);
	if (packet.readUInt16BE(2) !== 2) throw new Error("no answer");
	const wanted = packet.readUInt32BE(4);
	const zeroed = Buffer.from(packet);
	zeroed.writeUInt32BE(0, 4);
	if (crc32(zeroed) !== wanted) throw new Error("its checksum is wrong");
	const status = packet.readInt16BE(8);
	const bytes =
		version === 2
			? packet.subarray(10)
			: packet.subarray(16, 16 + packet.readInt32BE(12));
	const rest = version === 2 ? 0 : version === 3 ? 3 : 0;
	if (version === 2 && packet.length !== 1_036)
		throw new Error(`${packet.length} bytes`);
	if (version !== 2 && packet.length !== 16 + bytes.length + rest)
		throw new Error(`${packet.length} bytes for a length of ${bytes.length}`);
	if (bytes.length > 65_536) throw new Error("too long for check_nrpe");
	const end = bytes.indexOf(0);
	if (end < 0) throw new Error("no NUL");
	return { version, status, text: bytes.toString("utf8", 0, end) };
}

/** A connection to a port for check_nrpe. */
export interface NrpeWire {
	readonly socket: Socket;
	/** All that comes until the end of the connection. */
	readonly answer: Promise<Buffer>;
}

/** Opens a connection, over TLS unless `tls` is null. */
export function openNrpe(
	t: Pick<TestContext, "after">,
	{
		port,
		host = "127.0.0.1",
		localAddress,
		tls = {},
	}: {
		port: number;
		host?: string;
		localAddress?: string;
		/** Null for none. */
		tls?: ConnectionOptions | null;
	},
): NrpeWire {
	const place = { port, host, ...(localAddress && { localAddress }) };
	const socket = tls
		? connectTls({ ...place, rejectUnauthorized: false, ...tls })
		: connectPlain(place);
	t.after(() => void socket.destroy());
	const chunks: Buffer[] = [];
	const answer = new Promise<Buffer>((resolve, reject) => {
		socket.on("data", (chunk: Buffer) => chunks.push(chunk));
		socket.once("error", reject);
		socket.once("close", () => resolve(Buffer.concat(chunks)));
	});
	answer.catch(() => {});
	return { socket, answer };
}

/** Sends a request, and reads the answer. */
export async function askNrpe(
	t: Pick<TestContext, "after">,
	where: Parameters<typeof openNrpe>[1],
	text: string,
	version = 4,
): Promise<ReturnType<typeof readAnswer>> {
	const { socket, answer } = openNrpe(t, where);
	socket.write(requestPacket(version, text));
	return readAnswer(await answer);
}

/**
 * Asks without TLS, and takes any answer.
 * @param text `command!argument!argument`; may be other bytes than UTF-8
 * @returns undefined if the connection ends without an answer, as NRPE ends it for a request that it
 * refuses
 */
export async function askPlainly(
	port: number,
	text: string | Buffer,
	host = "127.0.0.1",
): Promise<{ status: number; text: string } | undefined> {
	const socket = connectPlain({ port, host });
	const chunks: Buffer[] = [];
	socket.on("data", (chunk: Buffer) => chunks.push(chunk));
	// NRPE closes at once what it does not let in
	socket.on("error", () => {});
	socket.write(requestPacket(4, text, { isCompact: true }));
	await new Promise<void>((resolve) => socket.once("close", () => resolve()));
	const answer = Buffer.concat(chunks);
	if (answer.length < 16) return undefined;
	const end = answer.indexOf(0, 16);
	return {
		status: answer.readInt16BE(8),
		text: answer.toString("utf8", 16, end < 0 ? undefined : end),
	};
}

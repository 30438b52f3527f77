import { once } from "node:events";
import { connect } from "node:net";
import { crc32 } from "node:zlib";

/** An answer of NRPE. */
export interface NrpeAnswer {
	status: number;
	text: string;
}

const headerBytes = 16;

/**
 * Asks an NRPE daemon on 127.0.0.1, with a request of version 4 and without TLS.
 * @param request `command!argument!argument`, as bytes or in UTF-8
 * @returns undefined if it closes the connection without an answer, as it does with requests that it
 * refuses
 */
export async function askNrpe(
	port: number,
	request: string | Buffer,
): Promise<NrpeAnswer | undefined> {
	const text = Buffer.from(request);
	const packet = Buffer.alloc(headerBytes + text.length + 1);
	packet.writeInt16BE(4, 0);
	packet.writeInt16BE(1, 2);
	packet.writeInt32BE(text.length + 1, 12);
	text.copy(packet, headerBytes);
	packet.writeUInt32BE(crc32(packet), 4);
	const socket = connect({ port, host: "127.0.0.1" });
	const chunks: Buffer[] = [];
	socket.on("data", (chunk) => chunks.push(chunk));
	socket.on("error", () => {});
	socket.write(packet);
	await once(socket, "close");
	const answer = Buffer.concat(chunks);
	if (answer.length < headerBytes) return undefined;
	const end = answer.indexOf(0, headerBytes);
	return {
		status: answer.readInt16BE(8),
		text: answer.toString("utf8", headerBytes, end < 0 ? undefined : end),
	};
}

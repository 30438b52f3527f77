import { once } from "node:events";
import { connect } from "node:tls";
import { crc32 } from "node:zlib";
import { SetupError } from "./setup-error.ts";

/** An answer of NRPE's protocol. */
export interface NrpeResult {
	status: number;
	text: string;
}

/** A packet of version 2, the only one that all servers know: its length is fixed. */
const packetBytes = 1_036;
const textAt = 10;

const maxTextBytes = 1_023;

/** A request of version 2. */
function request(text: string): Buffer {
	const packet = Buffer.alloc(packetBytes);
	packet.writeUInt16BE(2, 0);
	packet.writeUInt16BE(1, 2);
	packet.write(text, textAt, maxTextBytes);
	packet.writeUInt32BE(crc32(packet), 4);
	return packet;
}

function parseAnswer(packet: Buffer): NrpeResult | undefined {
	if (packet.length < packetBytes || packet.readUInt16BE(2) !== 2)
		return undefined;
	const text = packet.subarray(textAt, packetBytes);
	const end = text.indexOf(0);
	return {
		status: packet.readUInt16BE(8),
		text: text.subarray(0, end < 0 ? undefined : end).toString(),
	};
}

/**
 * Asks an NRPE server of this machine over TLS, as check_nrpe does, which verifies no certificate by
 * default.
 * @throws SetupError if there is no answer
 */
export async function askNrpe(
	{ host, port }: { host: string; port: number },
	text: string,
	seconds: number,
): Promise<NrpeResult> {
	const signal = AbortSignal.timeout(seconds * 1000);
	const chunks: Buffer[] = [];
	const socket = connect({
		...{ host, port },
		rejectUnauthorized: false,
		minVersion: "TLSv1.2",
		// Debian's server has no certificate by default
		ciphers: "ALL:ADH:@SECLEVEL=0",
	});
	try {
		await once(socket, "secureConnect", { signal });
		socket.write(request(text));
		socket.on("data", (chunk: Buffer) => chunks.push(chunk));
		await once(socket, "close", { signal });
	} catch (error) {
		if (chunks.length === 0)
			throw new SetupError(
				`port ${port}: no answer to check_nrpe: ${signal.aborted ? `nothing within ${seconds} seconds` : (error as Error).message}`,
			);
	} finally {
		socket.destroy();
	}
	const answer = parseAnswer(Buffer.concat(chunks));
	if (!answer)
		throw new SetupError(
			`port ${port}: no answer to check_nrpe: the connection was closed`,
		);
	return answer;
}

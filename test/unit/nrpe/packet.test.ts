import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
	answerPacket,
	isRequestStart,
	maxTextBytes,
	PacketError,
	type PacketVersion,
	parseRequest,
	requestBytes,
} from "../../../src/nrpe/packet.ts";
import { readAnswer, requestPacket } from "../../support/nrpe-packets.ts";

const versions: readonly PacketVersion[] = [2, 3, 4];

const parsed = (packet: Buffer) => {
	const bytes = requestBytes(packet);
	assert.ok(bytes !== undefined);
	const { version, text } = parseRequest(packet.subarray(0, bytes));
	return { version, text: text.toString() };
};

test("requests of all versions are read as check_nrpe sends them", () => {
	for (const version of versions)
		for (const text of ["_NRPE_CHECK", "disk!20%!/var", "ü!é"])
			for (const isCompact of [false, true])
				assert.deepEqual(parsed(requestPacket(version, text, { isCompact })), {
					...{ version, text },
				});
	const long = `c!${"x".repeat(5_000)}`;
	assert.deepEqual(parsed(requestPacket(4, long)), { version: 4, text: long });
	// a packet of check_nrpe 4.1, its filling after the text left out
	const recorded = Buffer.alloc(1_036);
	Buffer.from("00040001a8df3d4b00000000000003fc6c6f6164", "hex").copy(recorded);
	recorded.writeUInt32BE(requestPacket(4, "load").readUInt32BE(4), 4);
	assert.equal(parsed(recorded).text, "load");
});

test("version 3 may come without its three last bytes, and NRPE ignores the filling", () => {
	const packet = requestPacket(3, "load", { isCompact: true });
	assert.equal(requestBytes(packet), packet.length - 3);
	assert.equal(parsed(packet.subarray(0, -3)).text, "load");
	const filled = requestPacket(4, "load");
	filled.writeUInt16BE(0xabcd, 10);
	assert.equal(parsed(filled).text, "load");
});

test("what is no request of NRPE is refused with the reason", () => {
	const changed = (at: number, value: number) => {
		const packet = requestPacket(4, "load");
		packet.writeUInt8(value, at);
		return packet;
	};
	for (const [packet, reason] of [
		[changed(1, 1), "packet: version 1, not 2, 3 or 4"],
		[changed(0, 1), "packet: version 260, not 2, 3 or 4"],
		[changed(3, 2), "packet: type 2, not 1, a request"],
		[changed(12, 0x80), "packet: length -2147482628, not between 1 and 65536"],
		[changed(13, 2), "packet: length 132092, not between 1 and 65536"],
		[changed(20, 1), "packet: its checksum is wrong"],
		[changed(4, 1), "packet: its checksum is wrong"],
	] as const)
		assert.throws(() => parsed(packet), {
			...{ name: "PacketError", message: reason },
		});
	const none = requestPacket(4, "load");
	none.writeInt32BE(0, 12);
	assert.throws(() => requestBytes(none), PacketError);
});

test("answers are those that check_nrpe accepts, also the longest", () => {
	for (const version of versions)
		for (const length of [0, 1, 1_022, maxTextBytes[version]])
			for (const status of [0, 1, 2, 3]) {
				const text = "z".repeat(Math.min(length, maxTextBytes[version]));
				const packet = answerPacket(version, status, Buffer.from(text));
				assert.deepEqual(readAnswer(packet), { version, status, text });
			}
});

test("a start is judged by its first four bytes", () => {
	const packet = requestPacket(2, "load");
	for (let length = 0; length < 4; length++)
		assert.equal(isRequestStart(packet.subarray(0, length)), undefined);
	assert.equal(isRequestStart(packet), true);
	for (const other of [
		"\x16\x03\x01",
		"GET / HTTP/1.1",
		"\0\x04\0\x02",
		"\0\x09",
	])
		assert.equal(isRequestStart(Buffer.from(other, "latin1")), false);
});

test("any bytes are a request or a PacketError, and no text is longer than the packet", () => {
	const head = fc.tuple(
		fc.constantFrom(0, 1, 2, 3, 4, 5, 65_535),
		fc.constantFrom(0, 1, 2),
		fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
	);
	fc.assert(
		fc.property(
			head,
			fc.uint8Array({ maxLength: 1_100 }),
			fc.boolean(),
			([version, type, length], body, isShort) => {
				const packet = Buffer.alloc(16 + body.length);
				packet.writeUInt16BE(version, 0);
				packet.writeUInt16BE(type, 2);
				packet.writeInt32BE(isShort ? body.length : length, 12);
				packet.set(body, 16);
				try {
					const bytes = requestBytes(packet);
					if (bytes === undefined || bytes > packet.length) return;
					const { text } = parseRequest(packet.subarray(0, bytes));
					assert.ok(text.length <= packet.length);
					assert.ok(!text.includes(0));
				} catch (error) {
					assert.ok(error instanceof PacketError, String(error));
				}
			},
		),
	);
});

test("what is written is read, whatever the text", () => {
	fc.assert(
		fc.property(
			fc.constantFrom(...versions),
			fc
				.string({ unit: "binary", maxLength: 255 })
				.filter((text) => !text.includes("\0")),
			(version, text) => {
				const bytes = Buffer.from(text);
				assert.deepEqual(
					parseRequest(
						requestPacket(version, bytes).subarray(
							0,
							requestBytes(requestPacket(version, bytes)),
						),
					).text,
					bytes,
				);
				const answer = readAnswer(answerPacket(version, 1, bytes));
				assert.equal(answer.text, bytes.toString("utf8"));
			},
		),
	);
});

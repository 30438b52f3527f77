import { answeringHop } from "../next-hops.ts";
import {
	chunkedHead,
	oneByteChunks,
	plainPieces,
	relayed,
} from "../requests.ts";
import type { Attack, Scenario } from "../scenario.ts";
import { pour } from "../wires.ts";

const mebibyte = 1_048_576;

/** Bodies up to the limit, with each byte in a chunk of its own. */
const bodies = (path: string): Scenario => ({
	name: `8 bodies in one-byte chunks to ${path}`,
	seconds: 20,
	async run(attack) {
		await Promise.all(
			Array.from({ length: 8 }, async () => {
				const wire = attack.wire();
				if (!(await wire.opened)) return;
				wire.socket.write(chunkedHead(path));
				// just under the limit, and without an end
				await pour(wire, oneByteChunks(16 * mebibyte - 1));
				await Promise.race([wire.closed, attack.hold()]);
			}),
		);
		return undefined;
	},
});

/** Endless bytes around a body that are not part of it. */
const around = (
	name: string,
	begin: string,
	piece: (number: number) => string,
): Scenario => ({
	name: `8 bodies with ${name} and no end`,
	async run(attack) {
		await Promise.all(
			Array.from({ length: 8 }, async () => {
				while (!attack.over.aborted) {
					const wire = attack.wire();
					if (!(await wire.opened)) continue;
					wire.socket.write(`${chunkedHead("/metric/append")}${begin}`);
					for (let number = 0; !wire.socket.destroyed; number++) {
						if (attack.over.aborted) break;
						await pour(wire, [piece(number)]);
					}
					await wire.closed;
				}
			}),
		);
		return undefined;
	},
});

/** Relays several requests at once through a hop, and reads the answers. */
async function askThrough(attack: Attack, hop: string, atOnce: number) {
	const ask = () => attack.ask({ path: "/proxy", body: relayed([hop]) });
	await Promise.all(Array.from({ length: atOnce }, ask));
	return undefined;
}

const answers: Scenario[] = [
	{
		name: "4 answers of 30 MiB in one-byte chunks",
		seconds: 25,
		async run(attack) {
			const head =
				"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
			const hop = await answeringHop(attack.scope, "127.0.0.7", function* () {
				yield head;
				yield* oneByteChunks(30 * mebibyte);
				yield "0\r\n\r\n";
			});
			return askThrough(attack, hop, 4);
		},
	},
	{
		name: "32 whole answers of 30 MiB, read",
		seconds: 20,
		async run(attack) {
			const bytes = 30 * mebibyte;
			const hop = await answeringHop(attack.scope, "127.0.0.7", function* () {
				yield `HTTP/1.1 200 OK\r\nContent-Length: ${bytes}\r\n\r\n`;
				yield* plainPieces(bytes);
			});
			return askThrough(attack, hop, 32);
		},
	},
	{
		name: "64 answers of 16 KiB of headers and no end",
		async run(attack) {
			const hop = await answeringHop(attack.scope, "127.0.0.7", function* () {
				yield "HTTP/1.1 200 OK\r\n";
				for (let number = 0; number < 200_000; number++)
					yield `X-Header-${number}: ${"v".repeat(50)}\r\n`;
			});
			return askThrough(attack, hop, 64);
		},
	},
	{
		name: "64 answers of early hints and no end",
		async run(attack) {
			const hint =
				"HTTP/1.1 103 Early Hints\r\nLink: </x>; rel=preload\r\n\r\n".repeat(
					500,
				);
			const hop = await answeringHop(attack.scope, "127.0.0.7", function* () {
				while (!attack.over.aborted) yield hint;
			});
			return askThrough(attack, hop, 64);
		},
	},
];

export const chunkScenarios: readonly Scenario[] = [
	bodies("/metric/append"),
	bodies("/monitor"),
	around("an extension of a chunk", "1;x=", () => "e".repeat(16_384)),
	around("trailers", "0\r\n", (number) =>
		`X-${number}: ${"t".repeat(1000)}\r\n`.repeat(10),
	),
	...answers,
];

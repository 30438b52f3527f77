import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createRandom } from "../../../test/support/crash.ts";
import { startDaemon } from "../../../test/support/daemon.ts";
import { freePort } from "../../../test/support/free-port.ts";
import {
	openNrpe,
	readAnswer,
	requestPacket,
} from "../../../test/support/nrpe-packets.ts";
import { temporaryDirectory } from "../../../test/support/temporary.ts";
import { residentOf } from "../soak/process-figures.ts";
import { type Campaign, positive } from "./campaign.ts";

/** Connections at once. */
const atOnce = 64;

/** One packet in so many goes over TLS, and one in so many runs a plugin. */
const tlsOneIn = 50;

const policyText = `version: 1
mode: enforce
who: { fuzzer: { address: 127.0.0.0/8 } }
commands:
  say: { run: [check_say, "{arg1}"], slots: { arg1: { is: one-of, values: ["0", "1", "2", "3"] } } }
  loose: { run: [check_say, "{arg1...}"], slots: { arg1: { is: words, options: { -x: word }, others: word } } }
rules:
  - { who: fuzzer, may: check, commands: "*" }
`;

type Random = () => number;

const below = (random: Random, limit: number) => Math.floor(random() * limit);

const pick = <T>(random: Random, from: readonly T[]): T =>
	from[below(random, from.length)] as T;

/** Texts of requests, and the answers to them. */
const valid: readonly (readonly [
	text: string,
	status: number,
	text: RegExp,
])[] = [
	["_NRPE_CHECK", 0, /^NRPE v4 \(happo-agent /],
	["nothing", 3, /^NRPE: Command 'nothing' not defined$/],
	["say", 3, /^NRPE: not permitted: arg1: has no value/],
	["say!9!x", 3, /^NRPE: not permitted: arg1: 9 is not/],
	["loose!$(id)", 3, /^NRPE: not permitted: arg1: needs a shell/],
	["loose!-y", 3, /^NRPE: not permitted: arg1: -y is not one/],
	["!", 3, /^NRPE: the request names no command/],
];

/** Those that run a plugin. */
const running: typeof valid = [
	["say!0", 0, /^said 0$/],
	["say!2", 2, /^said 2$/],
	["loose!-x 1", 1, /^said -x$/],
];

/** Texts that mean something to shells, to slots, or to nobody. */
const pieces = [
	..."!!!!$`;|&<>\\\"'{}()*?~#%=-_ \t\r\n\0\x7f",
	...["say", "loose", "_NRPE_CHECK", "$(id)", "%00", "../", "\ud800", "é", "𝄞"],
];

function inventText(random: Random): Buffer {
	const parts = Array.from({ length: below(random, 12) }, () =>
		pick(random, pieces),
	);
	const text = Buffer.from(parts.join(""));
	if (random() < 0.1) return Buffer.alloc(below(random, 66_000), "a!");
	return random() < 0.2
		? Buffer.from(Array.from({ length: 40 }, () => below(random, 256)))
		: text;
}

/** A packet with a right or a wrong head, checksum and length. */
function inventPacket(random: Random): Buffer {
	const dice = random();
	if (dice < 0.1)
		return Buffer.from(
			Array.from({ length: below(random, 3_000) }, () => below(random, 256)),
		);
	const version = pick(random, [2, 3, 4, 4, 4, 0, 1, 5, 0xffff]);
	const isCompact = random() < 0.5;
	const text = inventText(random);
	const packet = requestPacket(
		version,
		version === 2 ? text.subarray(0, 1_026) : text,
		{ type: random() < 0.9 ? 1 : below(random, 4), isCompact },
	);
	if (dice < 0.4) return packet;
	for (let times = 1 + below(random, 4); times > 0; times--)
		packet[below(random, random() < 0.7 ? 20 : packet.length)] = below(
			random,
			256,
		);
	if (dice < 0.6) packet.writeInt32BE(below(random, 2 ** 31), 12);
	return dice < 0.8 ? packet.subarray(0, below(random, packet.length)) : packet;
}

/** One packet, over a connection of its own. */
interface Shot {
	packet: Buffer;
	expected?: (typeof valid)[number];
	isTls: boolean;
	/** How the client ends the connection. */
	end: "waits" | "half-closes" | "resets" | "closes";
	/** The packet comes in pieces of so many bytes. */
	piece: number;
	localAddress: string;
}

function inventShot(random: Random): Shot {
	const dice = random();
	const expected =
		dice < 0.02
			? pick(random, running)
			: dice < 0.2
				? pick(random, valid)
				: undefined;
	const packet = expected
		? requestPacket(pick(random, [2, 3, 4]), expected[0], {
				isCompact: random() < 0.5,
			})
		: inventPacket(random);
	return {
		packet,
		...(expected && { expected }),
		isTls: below(random, tlsOneIn) === 0,
		end: expected
			? pick(random, ["waits", "half-closes"] as const)
			: pick(random, [
					"half-closes",
					"half-closes",
					"resets",
					"closes",
				] as const),
		piece: random() < 0.9 ? packet.length : 1 + below(random, 400),
		localAddress: `127.0.0.${2 + below(random, 16)}`,
	};
}

/** Says what is wrong with an answer; undefined if nothing is. */
function fault({ expected }: Shot, answer: Buffer): string | undefined {
	if (answer.length === 0)
		return expected ? `no answer to ${expected[0]}` : undefined;
	const { status, text } = readAnswer(answer);
	if (!expected)
		// whatever was invented runs nothing but what the policy names
		return status === 0 && !/^(?:NRPE v4|said )/.test(text)
			? `status 0: ${text}`
			: undefined;
	return status === expected[1] && expected[2].test(text)
		? undefined
		: `${expected[0]} got ${status}: ${text}`;
}

/** Packets of all kinds to the port for check_nrpe. */
export const nrpe: Campaign = {
	summary: "a million packets to the port for check_nrpe; half an hour",
	usage: "[PACKETS [SEED]]",
	async run({ scope, args, signal, progress }) {
		const [given = "1000000", seedGiven = String(Date.now() % 2 ** 32)] = args;
		const packets = positive("PACKETS", given);
		const seed = positive("SEED", seedGiven);
		const random = createRandom(seed);
		const directory = await temporaryDirectory(scope);
		const plugin = join(directory, "check_say");
		await writeFile(
			plugin,
			'#!/bin/sh\necho "said $1"\ncase "$1" in [0-3]) exit "$1"; esac\nexit 1\n',
		);
		await chmod(plugin, 0o755);
		const policyPath = join(directory, "policy.yaml");
		await writeFile(policyPath, policyText);
		const port = await freePort();
		const started = await startDaemon(scope, [
			...["-A", "127.0.0.0/8", "--policy", policyPath],
			...["--nrpe-port", String(port), "--nrpe-plain-text", "loopback"],
			...["--nagios-plugin-paths", directory, "--log-level", "error"],
			// nothing here is about time, and the machine may be busy
			...["--handshake-timeout-seconds", "60", "--disable-collect-metrics"],
		]);
		const pid = started.process.pid ?? 0;
		const faults: string[] = [];
		const residents: number[] = [];
		const counts = { answers: 0, silent: 0, refused: 0, tls: 0 };
		const sampleEvery = packets / 100;
		let made = 0;

		const shoot = async (shot: Shot) => {
			const cleanups: (() => void)[] = [];
			const { socket, answer } = openNrpe(
				{ after: (end) => void cleanups.push(end as () => void) },
				{
					...{ port, localAddress: shot.localAddress },
					tls: shot.isTls ? {} : null,
				},
			);
			const { packet, piece } = shot;
			for (let from = 0; from < packet.length; from += piece)
				socket.write(packet.subarray(from, from + piece));
			if (shot.end === "half-closes") socket.end();
			else if (shot.end !== "waits")
				socket.write("", () => {
					if (shot.end === "closes" || shot.isTls || socket.destroyed)
						socket.destroy();
					else socket.resetAndDestroy();
				});
			try {
				const bytes = await answer;
				if (bytes.length > 0) counts.answers++;
				else counts.silent++;
				const wrong = fault(shot, bytes);
				if (wrong) faults.push(wrong);
			} catch (error) {
				counts.refused++;
				if (shot.expected) faults.push(`${shot.expected[0]}: ${error}`);
			} finally {
				for (const end of cleanups) end();
			}
		};
		const client = async () => {
			while (made < packets && faults.length < 20) {
				signal.throwIfAborted();
				if (started.process.exitCode !== null)
					throw new Error(`the agent has ended: ${started.stderr()}`);
				made++;
				if (made % sampleEvery === 0) {
					residents.push(residentOf(pid).now);
					if (made % (10 * sampleEvery) === 0)
						progress(
							`${made} packets, ${faults.length} faults, ${Math.round(residentOf(pid).now / 1024)} MiB`,
						);
				}
				const shot = inventShot(random);
				if (shot.isTls) counts.tls++;
				await shoot(shot);
			}
		};
		await Promise.all(Array.from({ length: atOnce }, client));

		const mebibytes = (kibibytes: number) => (kibibytes / 1024).toFixed(1);
		const highest = (from: number, to: number) =>
			Math.max(...residents.slice(from, to));
		const [first, last] = [highest(10, 20), highest(90, 100)];
		const { code } = await started.stop();
		return {
			parameters: { packets, seed },
			figures: [
				"Pass: the agent answers every valid request with its status and text, does not end, stops",
				"with status 0, and has at most 5 % more resident memory in the last tenth than in the second.",
				`connections with an answer: ${counts.answers}, without: ${counts.silent}, reset: ${counts.refused}; over TLS: ${counts.tls}`,
				`resident memory: after the first tenth at most ${mebibytes(first)} MiB, in the last at most ${mebibytes(last)} MiB`,
				`exit status after SIGTERM: ${code}`,
				`faults: ${faults.length}`,
				...faults,
			],
			passed: faults.length === 0 && code === 0 && last <= first * 1.05,
		};
	},
};

import { createSocket } from "node:dgram";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { createServer as createTlsServer } from "node:tls";
import { writeTestKeyPair } from "./agent.ts";
import { temporaryDirectory } from "./temporary.ts";

/** Seconds from 1900, where NTP and the time protocol begin, to 1970. */
const secondsTo1970 = 2_208_988_800;

const secondsSince1900 = () => Date.now() / 1_000 + secondsTo1970;

function timeProtocol() {
	const answer = Buffer.alloc(4);
	answer.writeUInt32BE(Math.round(secondsSince1900()));
	return answer;
}

/** What a service says at once, and to each request. */
interface Service {
	greeting?: string | (() => Buffer);
	answer?: (request: string) => string;
	/** Whether it closes the connection after its first words. */
	isBrief?: boolean;
}

const mail = (request: string) =>
	/^QUIT/i.test(request) ? "221 bye" : "250 ok";

const services = {
	ftp: { greeting: "220 ftp\r\n", answer: () => "221 bye\r\n" },
	smtp: {
		greeting: "220 test ESMTP\r\n",
		answer: (request) => `${mail(request)}\r\n`,
	},
	pop: { greeting: "+OK pop\r\n", answer: () => "+OK\r\n" },
	imap: { greeting: "* OK imap\r\n", answer: () => "* BYE\r\na1 OK\r\n" },
	nntp: { greeting: "200 news\r\n", answer: () => "205 bye\r\n" },
	ssh: { greeting: "SSH-2.0-OpenSSH_9.2\r\n" },
	clamd: { answer: () => "PONG\r\n" },
	jabber: {
		answer: () =>
			"<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>",
	},
	http: {
		answer: () => "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello",
		isBrief: true,
	},
	time: { greeting: timeProtocol, isBrief: true },
	// NSClient: minutes since the start
	nt: { answer: () => "7" },
	ups: {
		answer: (request) => {
			const [, name = ""] = /^GET VAR \S+ (\S+)/.exec(request) ?? [];
			const value = name === "ups.status" ? "OL" : "80.5";
			return `VAR ups ${name} "${value}"\n`;
		},
	},
} satisfies Record<string, Service>;

export type PeerName = keyof typeof services | "ntp" | "echo";

function serve(socket: Socket, { greeting, answer, isBrief }: Service) {
	const say = (words: string | Buffer) =>
		isBrief ? socket.end(words) : socket.write(words);
	socket.on("error", () => {});
	if (greeting) say(typeof greeting === "string" ? greeting : greeting());
	socket.on("data", (data) => {
		if (answer) say(answer(data.toString("latin1")));
	});
}

/** An answer of an NTP server whose clock is right. */
function ntpAnswer(request: Buffer) {
	const answer = Buffer.alloc(48);
	// version 4, server, stratum 2, precision 2^-20
	answer.set([0x24, 2, 4, 0xec]);
	request.copy(answer, 24, 40, 48);
	for (const at of [16, 32, 40]) {
		const now = secondsSince1900();
		answer.writeUInt32BE(Math.floor(now), at);
		answer.writeUInt32BE(Math.floor((now % 1) * 2 ** 32), at + 4);
	}
	return answer;
}

/** Small servers on 127.0.0.1 for plugins of monitoring-plugins-basic. */
export async function pluginPeers(t: TestContext) {
	const directory = await temporaryDirectory(t);
	await writeTestKeyPair(directory);
	const [key, cert] = await Promise.all(
		["agent.key", "agent.pub"].map((name) => readFile(join(directory, name))),
	);
	return {
		/** Starts one; returns its port. */
		async tcp(name: keyof typeof services, isTls = false): Promise<string> {
			const sockets = new Set<Socket>();
			const take = (socket: Socket) => {
				sockets.add(socket);
				serve(socket, services[name]);
			};
			const server = isTls
				? createTlsServer({ key, cert }, take)
				: createServer(take);
			server.on("tlsClientError", () => {});
			server.listen(0, "127.0.0.1");
			await once(server, "listening");
			t.after(() => {
				server.close();
				for (const socket of sockets) socket.destroy();
			});
			return String((server.address() as AddressInfo).port);
		},
		async udp(name: "ntp" | "echo"): Promise<string> {
			const socket = createSocket("udp4");
			socket.on("message", (data, { port, address }) =>
				socket.send(name === "ntp" ? ntpAnswer(data) : data, port, address),
			);
			socket.bind(0, "127.0.0.1");
			await once(socket, "listening");
			t.after(() => socket.close());
			return String(socket.address().port);
		},
	};
}

import { once } from "node:events";
import { badDestinations } from "../../../src/protocol/destinations.ts";
import { type Hop, parseHop } from "../../../src/protocol/hop.ts";
import type { SettingTable } from "../../../src/setting-table.ts";
import { type Broker, startBroker } from "../../broker/broker.ts";
import { metricsPage } from "../../broker/figures.ts";
import { defaultSocket } from "../../broker/frame.ts";
import { ListenError, passedSocket } from "../../broker/listener.ts";
import { serveMetrics } from "../../broker/metrics-server.ts";
import { createUsers, userIds } from "../../broker/users.ts";
import { UsageError } from "../../program/arguments.ts";
import { createCommand, valuesOf } from "../command.ts";
import { trustSettings } from "../flags.ts";
import { exchanges } from "../target/connection.ts";
import { readKnownHosts } from "../target/known-hosts.ts";
import { loadTrust } from "../target/trust.ts";

/** Where to listen; port 0 is a free one. Undefined if it is no address with a port. */
function listenPlace(text: string): Hop | undefined {
	const [, host = "", port = ""] = /^(.+):(\d{1,5})$/.exec(text) ?? [];
	const hop = parseHop(host);
	return hop && Number(port) <= 65_535
		? { ...hop, port: Number(port) }
		: undefined;
}

const settings = {
	listen: {
		kind: "text",
		default: defaultSocket,
		placeholder: "SOCKET",
		help: "Unix socket to make, with mode 0660; a socket that systemd passes takes its place",
	},
	hosts: {
		kind: "list",
		default: [],
		placeholder: "PATTERN,...",
		help: "agents and bastions that the broker goes to: names, *.names, addresses, networks; without it all",
		check: badDestinations,
	},
	users: {
		kind: "list",
		default: [],
		placeholder: "USER,...",
		help: "users of this machine that are served, names or ids; without it all whom the socket's mode lets in",
	},
	fresh: {
		kind: "integer",
		default: 0,
		minimum: 0,
		maximum: 3600,
		placeholder: "SECONDS",
		help: "identical checks share one run and its result, for this time; 0: each check runs",
	},
	"max-clients": {
		kind: "integer",
		default: 2_000,
		minimum: 1,
		maximum: 50_000,
		help: "connections to the socket; others are turned away",
	},
	"max-checks": {
		kind: "integer",
		default: 512,
		minimum: 1,
		maximum: 10_000,
		help: "checks that are sent at once, at most 128 to one host; others wait, as long as their time limit allows",
	},
	"metrics-listen": {
		kind: "text",
		default: "",
		placeholder: "ADDRESS:PORT",
		help: "serves /metrics for Prometheus there, over plain HTTP",
		check: (text) =>
			text === "" || listenPlace(text)
				? undefined
				: `not an address with a port: ${text}`,
	},
} as const satisfies SettingTable;

const brokerTrustSettings = {
	...trustSettings,
	"known-hosts": {
		kind: "text",
		default: "",
		placeholder: "FILE",
		help: "certificates of single hosts, a line each: HOST[:PORT] SHA256; stands in the place of the CA for these",
	},
} as const satisfies SettingTable;

/** What is left of systemd's 30 seconds for the end itself. */
const stopPatience = 20_000;

export const brokerCommand = createCommand({
	name: "broker",
	help: {
		usage: "broker [OPTION...]",
		summary: "keep connections to agents, and run checks for check_happo",
		details:
			"Runs until SIGTERM or SIGINT, and answers then what runs. check_happo hands its check to the broker that listens on its socket; so a check needs no start of Node.js and no TLS handshake. Whom to believe, keys and certificates are the broker's: what a client has of its own, it uses without the broker. A check is all that the broker does for its clients.\nGive one of --ca-file, --known-hosts, --fingerprint and --insecure; without any, certificates are verified with the system's CAs.",
		examples: [
			"broker --ca-file /etc/happo/ca.pem --hosts '*.example.net,192.0.2.0/24'",
			"broker --listen ./broker.sock --insecure",
		],
		settings,
		shared: [{ title: "Whom to believe", settings: brokerTrustSettings }],
	},
	async run({ flags, environment, say }) {
		const own = valuesOf(settings, flags);
		const believed = valuesOf(brokerTrustSettings, flags);
		const fingerprint = await readKnownHosts(believed["known-hosts"]);
		const trust = await loadTrust(
			believed,
			environment.HAPPO_CTL_PRIVATE_KEY_PASSPHRASE,
		);
		const users = createUsers();
		const allowed = own.users.length > 0 ? idsOf(own.users) : undefined;
		const pools = exchanges(trust, fingerprint, own["max-checks"]);
		let broker: Broker | undefined;
		let metrics: { port: number; close(): void } | undefined;
		try {
			if (users.missing !== undefined && allowed)
				throw new ListenError(
					`--users: the system cannot be asked who its clients are: ${users.missing}`,
				);
			const fd = passedSocket(environment, process.pid);
			const stopping = Promise.race(
				(["SIGTERM", "SIGINT"] as const).map((signal) =>
					once(process, signal).then(() => signal),
				),
			);
			const place = listenPlace(own["metrics-listen"]);
			if (place)
				metrics = await serveMetrics(place, () =>
					broker ? metricsPage(broker.status()) : "",
				);
			broker = await startBroker({
				listen: { path: own.listen, fd },
				exchangeTo: pools.to,
				hosts: own.hosts,
				...{ users, allowed },
				freshMilliseconds: own.fresh * 1000,
				maxClients: own["max-clients"],
				complain: say,
			});
			if (users.missing !== undefined)
				say(
					`warning: the system cannot be asked who its clients are (${users.missing}): only the mode of the socket says who is served`,
				);
			if (believed.insecure) say("warning: no certificate is verified");
			if (metrics) say(`broker: /metrics is on port ${metrics.port}`);
			say(
				`broker: listens on ${fd === undefined ? own.listen : "the socket of systemd"}`,
			);
			say(`broker: ${await stopping}: stopping`);
			await broker.stop(stopPatience);
			return 0;
		} catch (error) {
			if (!(error instanceof ListenError)) throw error;
			say(error.message);
			return 1;
		} finally {
			metrics?.close();
			pools.close();
		}
	},
});

function idsOf(names: readonly string[]): ReadonlySet<number> {
	try {
		return userIds(names);
	} catch (error) {
		throw new UsageError(`--users: ${(error as Error).message}`);
	}
}

import { once } from "node:events";
import { listenPlace, servePages } from "../../../src/page-server.ts";
import { ListenError, passedSocket } from "../../../src/passed-socket.ts";
import { unverifiedKey } from "../../../src/protocol/api-key.ts";
import { badDestinations } from "../../../src/protocol/destinations.ts";
import { textType } from "../../../src/protocol/exposition.ts";
import type { SettingTable } from "../../../src/setting-table.ts";
import { type Broker, startBroker } from "../../broker/broker.ts";
import { metricsPage } from "../../broker/figures.ts";
import { defaultSocket } from "../../broker/frame.ts";
import { createUsers, userIds } from "../../broker/users.ts";
import { UsageError } from "../../program/arguments.ts";
import { createCommand, valuesOf } from "../command.ts";
import { manyHostsTrustSettings } from "../flags.ts";
import { readKeyFlag } from "../input-file.ts";
import { exchanges, unknownHostAdvice } from "../target/connection.ts";
import {
	keepKnownHosts,
	ofServices,
	openKnownHosts,
} from "../target/known-hosts.ts";
import { loadTrust } from "../target/trust.ts";

const settings = {
	listen: {
		kind: "text",
		default: defaultSocket,
		placeholder: "SOCKET",
		help: "Unix socket to create, with mode 0660; a socket from systemd is used instead",
	},
	hosts: {
		kind: "list",
		default: [],
		placeholder: "PATTERN,...",
		help: "agents and bastions that the broker may connect to: names, *.names, addresses, networks; default: all",
		check: badDestinations,
	},
	users: {
		kind: "list",
		default: [],
		placeholder: "USER,...",
		help: "users of this machine that the broker serves, by name or id; default: all users who may open the socket",
	},
	fresh: {
		kind: "integer",
		default: 0,
		minimum: 0,
		maximum: 3600,
		placeholder: "SECONDS",
		help: "how long identical checks share the result of one run; 0: every check runs",
	},
	"max-clients": {
		kind: "integer",
		default: 2_000,
		minimum: 1,
		maximum: 50_000,
		help: "maximum number of connections to the socket; more are refused",
	},
	"max-checks": {
		kind: "integer",
		default: 512,
		minimum: 1,
		maximum: 10_000,
		help: "maximum number of checks at a time, of these at most 128 to one host; others wait within their time limit",
	},
	"key-file": {
		kind: "text",
		default: "",
		placeholder: "FILE",
		help: "file whose first line is the key that the broker sends with the checks of all its clients; only to agents that are verified. Bastions can read it",
	},
	"metrics-listen": {
		kind: "text",
		default: "",
		placeholder: "ADDRESS:PORT",
		help: "serve /metrics for Prometheus here, over plain HTTP",
		check: (text) =>
			text === "" || listenPlace(text)
				? undefined
				: `not an address with a port: ${text}`,
	},
} as const satisfies SettingTable;

/** Milliseconds for the checks in flight; less than systemd's 30 seconds. */
const stopMilliseconds = 20_000;

export const brokerCommand = createCommand({
	name: "broker",
	help: {
		usage: "broker [OPTION...]",
		summary: "keep connections to agents and run checks for check_happo",
		details:
			"Runs until SIGTERM or SIGINT; it then still answers the checks in flight. check_happo passes its check to the broker through the socket, so that a check needs no start of Node.js and no TLS handshake. The broker uses its own keys, certificates and options for verification; a client with other ones runs its checks without the broker. The broker runs nothing but checks for its clients.\nHosts in the file of known hosts are verified by that alone; give --ca-file, --fingerprint or --insecure for the others, which are verified with the CAs that Node knows otherwise.",
		examples: [
			"broker --ca-file /etc/happo/ca.pem --hosts '*.example.net,192.0.2.0/24'",
			"broker --listen ./broker.sock --insecure",
			"broker --known-hosts known_hosts --metrics-listen 127.0.0.1:9677",
		],
		settings,
		shared: [
			{ title: "How to verify certificates", settings: manyHostsTrustSettings },
		],
	},
	async run({ flags, environment, say }) {
		const own = valuesOf(settings, flags);
		const verification = valuesOf(manyHostsTrustSettings, flags);
		const trust = await loadTrust(
			verification,
			environment.HAPPO_CTL_PRIVATE_KEY_PASSPHRASE,
		);
		if (own["key-file"] !== "" && verification.insecure)
			throw new UsageError(`--insecure: ${unverifiedKey}: not with --key-file`);
		const key = own["key-file"] === "" ? "" : readKeyFlag(own["key-file"], say);
		const known = openKnownHosts(verification, {
			place: ofServices,
			sendsKey: key !== "",
			say: (line) => say(`broker: ${line}`),
		});
		const users = createUsers();
		const allowed = own.users.length > 0 ? idsOf(own.users) : undefined;
		const pools = exchanges(trust, (hop) => known.pin(hop), own["max-checks"]);
		known.changed = pools.forget;
		const log = { info: say, warning: say, error: say };
		const kept = keepKnownHosts(known, log);
		const reload = () => void kept.reload();
		process.on("SIGHUP", reload);
		let broker: Broker | undefined;
		let metrics: { port: number; close(): void } | undefined;
		try {
			if (users.missing !== undefined && allowed)
				throw new ListenError(
					`--users: the system cannot tell which user a client is: ${users.missing}`,
				);
			const fd = passedSocket(environment, process.pid);
			const stopping = Promise.race(
				(["SIGTERM", "SIGINT"] as const).map((signal) =>
					once(process, signal).then(() => signal),
				),
			);
			const place = listenPlace(own["metrics-listen"]);
			if (place)
				metrics = await servePages("--metrics-listen", place, {
					"/metrics": {
						type: textType,
						text: () => (broker ? metricsPage(broker.status()) : ""),
					},
				});
			broker = await startBroker({
				listen: { path: own.listen, fd },
				exchangeTo: pools.to,
				key,
				isVerified: pools.isVerified,
				// whoever gives a CA does not want to hear of other ways
				...(verification["ca-file"] === "" && {
					adviceOf: (hop, code, timeoutMilliseconds, signal) =>
						unknownHostAdvice(hop, code, {
							...{ timeoutMilliseconds, known, signal },
						}),
				}),
				hosts: own.hosts,
				...{ users, allowed },
				freshMilliseconds: own.fresh * 1000,
				maxClients: own["max-clients"],
				complain: say,
			});
			kept.start();
			if (users.missing !== undefined)
				say(
					`warning: the system cannot tell which user a client is (${users.missing}): only the mode of the socket decides who is served`,
				);
			if (verification.insecure) say("warning: certificates are not verified");
			if (metrics) say(`broker: /metrics is on port ${metrics.port}`);
			say(
				`broker: listens on ${fd === undefined ? own.listen : "the socket of systemd"}`,
			);
			say(`broker: ${await stopping}: stopping`);
			await broker.stop(stopMilliseconds);
			return 0;
		} catch (error) {
			if (!(error instanceof ListenError)) throw error;
			say(error.message);
			return 1;
		} finally {
			process.off("SIGHUP", reload);
			kept.stop();
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

import { KnownHosts } from "../../../src/known-hosts.ts";
import { hopText, parseHop, parsePin } from "../../../src/protocol/hop.ts";
import type { SettingTable } from "../../../src/setting-table.ts";
import { UsageError } from "../../program/arguments.ts";
import type { ProgramCommand } from "../../program/command.ts";
import { createCommand, valuesOf } from "../command.ts";
import { trustSettings } from "../flags.ts";
import { knownHostsFile, ofUser, usableFile } from "../target/known-hosts.ts";

const settings = {
	"known-hosts": {
		...trustSettings["known-hosts"],
		help: "file to change; by default ~/.config/happo/known_hosts",
	},
} as const satisfies SettingTable;

const fileOf = (named: string, environment: NodeJS.ProcessEnv): KnownHosts =>
	new KnownHosts({
		...knownHostsFile(named, ofUser(environment)),
		mayBeMissing: true,
	});

function hopOf(text: string) {
	const hop = parseHop(text);
	if (hop) return hop;
	throw new UsageError(`not a host with an optional port: ${text}`);
}

function pinOf(text: string) {
	const pin = parsePin(text);
	if (pin) return pin;
	throw new UsageError(
		`not a SHA-256 of a certificate (64 hexadecimal digits) or of a public key (sha256// and base64): ${text}`,
	);
}

const addCommand = createCommand({
	name: "known-hosts add",
	help: {
		usage: "known-hosts add [OPTION...] HOST[:PORT] PIN...",
		summary: "add a host to the file of known hosts",
		details:
			"PIN is the SHA-256 of the host's public key (sha256// and base64, as curl's --pinnedpubkey takes it), which stays when an agent renews its own certificate, or that of its certificate (64 hexadecimal digits). With several, one is enough. A host that the file has is not changed.",
		examples: [
			"known-hosts add web01 sha256//fRTKp1zmjt/vEVYx0jCtzXyfmmn0CG/0xBQGBYDQgFI=",
			"known-hosts add web01:6778 sha256//fRTKp1zmjt/vEVYx0jCtzXyfmmn0CG/0xBQGBYDQgFI=",
			"known-hosts add --known-hosts /etc/happo/known_hosts web01 sha256//fRTKp1zmjt/vEVYx0jCtzXyfmmn0CG/0xBQGBYDQgFI=",
		],
		settings,
	},
	operands: { minimum: 2, maximum: 10, name: "HOST PIN" },
	async run({ flags, operands, environment, say }) {
		const own = valuesOf(settings, flags);
		const [place = "", ...texts] = operands;
		const hop = hopOf(place);
		const pins = texts.map(pinOf);
		const known = fileOf(own["known-hosts"], environment);
		usableFile(() => known.add(hop, pins));
		say(`${hopText(hop)}: added to ${known.file}`);
		return 0;
	},
});

const removeCommand = createCommand({
	name: "known-hosts remove",
	help: {
		usage: "known-hosts remove [OPTION...] HOST[:PORT]...",
		summary: "remove hosts from the file of known hosts",
		details:
			"Everything else in the file stays. The exit status is 1 if the file does not have a host.",
		examples: [
			"known-hosts remove web01",
			"known-hosts remove web01:6778 '[2001:db8::1]:6778'",
			"known-hosts remove --known-hosts /etc/happo/known_hosts web01",
		],
		settings,
	},
	operands: { minimum: 1, maximum: 1_000, name: "HOST" },
	async run({ flags, operands, environment, say }) {
		const own = valuesOf(settings, flags);
		const hops = operands.map(hopOf);
		const known = fileOf(own["known-hosts"], environment);
		let status = 0;
		for (const hop of hops) {
			const count = usableFile(() => known.remove(hop));
			if (count === 0) status = 1;
			say(
				`${hopText(hop)}: ${count === 0 ? "not in" : "removed from"} ${known.file}`,
			);
		}
		return status;
	},
});

export const knownHostsCommands: readonly ProgramCommand[] = [
	addCommand,
	removeCommand,
];

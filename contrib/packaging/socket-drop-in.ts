/**
 * Has happo-agent.socket listen where the agent's configuration says, for an installation that
 * enables the socket on a host that already has a configuration. The packages' scripts run it.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { isIP } from "node:net";
import { dirname } from "node:path";
import { parseVariables } from "../../cli/ctl/doctor/environment-file.ts";
import { createTools } from "../../cli/ctl/doctor/tools.ts";
import { readUnit, unitLines } from "../../cli/ctl/doctor/unit.ts";
import { variableName } from "../../src/setting-table.ts";
import { daemonSettings } from "../../src/settings.ts";

/** The drop-in that this program writes. */
const dropIn = "/etc/systemd/system/happo-agent.socket.d/port.conf";

/** What a unit and its environment files say about one setting. */
interface Given {
	value: string;
	/** `HAPPO_AGENT_PORT`, or `--port` of the command line, which wins. */
	source: string;
}

/** The value of an option of a command line: `--port 7000`, `--port=7000`, `-P 7000`. */
function option(words: readonly string[], ...names: string[]) {
	const found = words.flatMap((word, index) => {
		const [name = "", ...rest] = word.split("=");
		if (!names.includes(name)) return [];
		const value = rest.length > 0 ? rest.join("=") : words[index + 1];
		return [{ value: value ?? "", source: name }];
	});
	return found.at(-1);
}

/** Where the agent would listen, as far as its configuration says so. */
export function configured(
	program: readonly string[],
	variables: Readonly<Record<string, string>>,
): { port?: Given; address?: Given } {
	const given = (name: "port" | "listen-address", ...options: string[]) => {
		const source = variableName(name);
		const value = variables[source] ?? "";
		return (
			option(program, `--${name}`, ...options) ??
			(value === "" ? undefined : { value, source })
		);
	};
	const port = given("port", `-${daemonSettings.port.short}`);
	const address = given("listen-address");
	return { ...(port && { port }), ...(address && { address }) };
}

/** A socket's address and port in one form, from ListenStream= or from settings. */
const normal = (stream: string) => {
	const [, address = "", port = ""] =
		/^(?:(.*):)?(\d+)$/.exec(stream.trim()) ?? [];
	const plain = address.replace(/^\[(.*)\]$/, "$1");
	if (port === "") return stream;
	if (plain === "" || plain === "::") return port;
	return isIP(plain) === 6
		? `${new URL(`http://[${plain}]`).hostname}:${port}`
		: `${plain}:${port}`;
};

/**
 * What to do so that the socket does not contradict the configuration.
 * @param streams the values of the socket's ListenStream=
 * @returns the lines of a drop-in, or why the agent has to listen by itself; neither if nothing is
 * to be done
 */
export function settled(
	{ port, address }: ReturnType<typeof configured>,
	streams: readonly string[],
): { lines?: string[]; why?: string; problem?: string } {
	const named = [port, address].filter((one) => one !== undefined);
	if (named.length === 0) return {};
	const why = named
		.map(({ source, value }) => `${source} is ${value}`)
		.join(", ");
	const number = port?.value ?? `${daemonSettings.port.default}`;
	const maxPort = 65_535;
	if (!/^\d{1,5}$/.test(number) || +number < 1 || +number > maxPort)
		return { problem: why };
	const text = address?.value ?? "";
	// systemd before 245 knows no zones
	if (text !== "" && (isIP(text) === 0 || text.includes("%")))
		return { problem: why };
	const wanted = normal(
		text === ""
			? `${number}`
			: `${isIP(text) === 6 ? `[${text}]` : text}:${number}`,
	);
	if (streams.length === 1 && normal(streams[0] ?? "") === wanted) return {};
	return {
		why,
		lines: [
			"[Socket]",
			"ListenStream=",
			`ListenStream=${wanted}`,
			// the socket comes before the network
			...(wanted.includes(":") ? ["FreeBind=yes"] : []),
		],
	};
}

/** Whether the socket has another ListenStream= than that of the package. */
const isChanged = (streams: readonly string[]) =>
	streams.length !== 1 || streams[0] !== String(daemonSettings.port.default);

/** Writes the drop-in if it is needed, and says so; exit status 1 if the socket cannot be used. */
export async function main(): Promise<void> {
	const tools = createTools(process.env);
	const say = (text: string) => process.stderr.write(`happo-agent: ${text}\n`);
	try {
		const unit = await readUnit(tools, "happo-agent.service");
		const files = unit?.environmentFiles.filter((file) => existsSync(file));
		const variables = Object.assign(
			{ ...unit?.variables },
			...(files ?? []).map((file) =>
				parseVariables(readFileSync(file, "utf8")),
			),
		);
		const streams = (await unitLines("happo-agent.socket", "Socket"))
			.filter(([name]) => name === "ListenStream")
			.map(([, value]) => value);
		const effective = streams.slice(streams.lastIndexOf("") + 1);
		// masked
		if (effective.length === 0) return;
		const { lines, why, problem } = settled(
			configured(unit?.program ?? [], variables),
			effective,
		);
		if (problem !== undefined) {
			say(`${problem}: the agent listens without happo-agent.socket`);
			process.exitCode = 1;
		} else if (lines && (isChanged(effective) || existsSync(dropIn)))
			say(`${why}, but happo-agent.socket has ${effective.join(", ")}`);
		else if (lines) {
			mkdirSync(dirname(dropIn), { recursive: true });
			writeFileSync(
				dropIn,
				[
					"# The installation of the package happo-agent wrote this file, because",
					`# ${why}.`,
					"# The two must not differ. Without that setting, this file alone counts.",
					...lines,
					"",
				].join("\n"),
			);
			say(`${why}: ${dropIn} has happo-agent.socket listen there`);
		}
	} finally {
		await tools.close();
	}
}

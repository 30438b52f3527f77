import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import { freePort } from "../../../test/support/free-port.ts";
import { checkNrpe } from "../../../test/support/nrpe.ts";
import { makeCertificate } from "../../../test/support/small-ca.ts";
import { startAgent } from "./agent.ts";
import { measure, settleMilliseconds } from "./load.ts";
import { type Figures, figureOf, loadColumns, loadRows } from "./load-table.ts";
import { nrpeCommand, nrpeQuery, startNrpe } from "./nrpe.ts";
import { checkDummy } from "./plugins.ts";
import { cpuOfTree } from "./process-tree.ts";
import { inRounds } from "./rounds.ts";
import type { Scene } from "./scene.ts";
import type { Section } from "./section.ts";
import type { Server } from "./server.ts";
import { ratios } from "./summary.ts";

const run = promisify(execFile);

const atOnce = [1, 8, 64] as const;

/** check_nrpe processes at once. */
const clients = 4;

const policyText = `version: 1
mode: enforce
who: { bench: { address: 127.0.0.1 } }
commands: { ${nrpeCommand}: { run: [check_dummy, "${checkDummy.option}"] } }
rules: [ { who: bench, may: check, commands: "*" } ]
`;

/** Runs check_nrpe over and over against a server, whose CPU is measured. */
async function withCheckNrpe(
	{ signal }: Scene,
	server: Server,
	certificate: readonly string[],
	seconds: number,
): Promise<Figures> {
	const words = [
		...["-H", "127.0.0.1", "-p", String(server.port), ...certificate],
		...["-t", "20", "-c", nrpeCommand],
	];
	const before = cpuOfTree(server.pid);
	const began = performance.now();
	const until = began + seconds * 1000;
	let checks = 0;
	const client = async () => {
		for (; performance.now() < until; checks++)
			// rejects for any status but 0
			await run(checkNrpe, words, { signal });
	};
	await Promise.all(Array.from({ length: clients }, client));
	const took = (performance.now() - began) / 1000;
	await pause(settleMilliseconds, undefined, { signal });
	const cpu = cpuOfTree(server.pid) - before;
	return { perSecond: checks / took, cpuMilliseconds: (1000 * cpu) / checks };
}

/** A CA of clients and a certificate of it, as files. */
async function clientFiles({ directory }: Scene) {
	const authority = makeCertificate({ name: "bench", isAuthority: true });
	const made = makeCertificate({ name: "client", issuer: authority });
	const files = {
		authority: join(directory, "clients.pem"),
		certificate: join(directory, "client.pem"),
		key: join(directory, "client.key"),
	};
	await writeFile(files.authority, authority.certificate);
	await writeFile(files.certificate, made.chain);
	await writeFile(files.key, made.key);
	return files;
}

/** The port for check_nrpe beside Debian's NRPE daemon, with the same plugin, certificates and clients. */
export async function benchNrpePort(scene: Scene): Promise<Section> {
	const policy = join(scene.directory, "nrpe-policy.yaml");
	await writeFile(policy, policyText);
	const files = await clientFiles(scene);
	const port = await freePort();
	const agent = await startAgent(scene, "agent-nrpe", {
		policy,
		flags: [
			...["--nrpe-port", String(port)],
			...["--client-ca-file", files.authority],
			// as NRPE here: on a busy machine, 64 checks at once may take longer than usual
			...["--command-timeout", "60"],
		],
	});
	const servers = {
		agent: { ...agent, port },
		NRPE: await startNrpe(scene, checkDummy, {
			name: "nrpe-beside",
			clientAuthority: files.authority,
		}),
	};
	const query = join(scene.directory, "nrpe-port.request");
	await writeFile(query, nrpeQuery());
	const contenders: Record<string, (seconds: number) => Promise<Figures>> = {};
	for (const [name, server] of Object.entries(servers)) {
		contenders[`${name}, check_nrpe`] = (seconds) =>
			withCheckNrpe(scene, server, [], seconds);
		contenders[`${name}, check_nrpe with a certificate`] = (seconds) =>
			withCheckNrpe(
				scene,
				server,
				["-C", files.certificate, "-K", files.key],
				seconds,
			);
		for (const connections of atOnce)
			contenders[`${name}, generator, ${connections}`] = (seconds) =>
				measure(scene, server, {
					...{ connections, seconds, file: query, protocol: "nrpe" },
				});
	}
	const measured = await inRounds(scene, contenders);
	for (const server of Object.values(servers)) await server.stop();
	const ratio = (figure: keyof Figures, way: string) =>
		ratios(
			figureOf(measured[`agent, ${way}`], figure),
			figureOf(measured[`NRPE, ${way}`], figure),
		);
	return {
		title: "The port for check_nrpe",
		notes: [
			"check_dummy of Debian's monitoring-plugins-basic; packets of version 4 over TLS with one certificate",
			`check_nrpe: ${clients} processes at once; generator: ours in C (OpenSSL, one thread), connections at once`,
			"CPU of the server, the plugin and all processes between them",
		],
		columns: loadColumns("check"),
		rows: loadRows(measured),
		verdicts: [
			...["check_nrpe", "check_nrpe with a certificate"].map((way) => ({
				what: `CPU per check, ${way}, times NRPE's`,
				figure: ratio("cpuMilliseconds", way),
				target: { is: "at most", value: 0.6 } as const,
			})),
			...atOnce.flatMap((many) => [
				{
					what: `checks/s, ${many} at once, of NRPE's`,
					figure: ratio("perSecond", `generator, ${many}`),
					...(many > 1 && {
						target: { is: "at least", value: 1.5 } as const,
					}),
				},
				{
					what: `CPU per check, ${many} at once, times NRPE's`,
					figure: ratio("cpuMilliseconds", `generator, ${many}`),
					target: { is: "at most", value: 0.6 } as const,
				},
			]),
		],
	};
}

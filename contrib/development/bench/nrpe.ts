import { chmod, copyFile, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { freePort } from "../../../test/support/free-port.ts";
import type { AgentVariant } from "./agent.ts";
import type { BenchPlugin } from "./plugins.ts";
import type { Scene } from "./scene.ts";
import { type Server, startServer } from "./server.ts";

const program = "/usr/sbin/nrpe";
/** NRPE's name of the plugin. */
export const nrpeCommand = "check_bench";
const nobody = 65534;

/** NRPE with one command, in the foreground with our certificate. Its CPU time is measured below the reaper. */
export async function startNrpe(
	scene: Scene,
	plugin: BenchPlugin,
	{
		name = "nrpe",
		addresses = "127.0.0.1",
		clientAuthority,
	}: {
		name?: string;
		addresses?: AgentVariant["addresses"];
		/** File with the CA of clients that are asked for certificates. */
		clientAuthority?: string;
	} = {},
): Promise<Server> {
	const port = await freePort();
	const directory = join(scene.directory, name);
	await mkdir(directory);
	// NRPE does not run as root; its user must be able to read the key and the plugin
	const ids = [process.getuid?.() || nobody, process.getgid?.() || nobody];
	const key = join(directory, "agent.key");
	await copyFile(scene.keyPair["private-key"], key);
	await chmod(key, 0o644);
	await chmod(scene.directory, 0o711);
	const file = join(directory, "nrpe.cfg");
	await writeFile(
		file,
		`
server_address=${addresses}
server_port=${port}
nrpe_user=${ids[0]}
nrpe_group=${ids[1]}
allowed_hosts=127.0.0.1
listen_queue_size=1024
dont_blame_nrpe=0
log_file=${join(directory, "log")}
command_timeout=60
connection_timeout=60
ssl_version=TLSv1.2+
ssl_client_certs=${clientAuthority === undefined ? 0 : 1}
${clientAuthority === undefined ? "" : `ssl_cacert_file=${clientAuthority}`}
ssl_cert_file=${scene.keyPair["public-key"]}
ssl_privatekey_file=${key}
command[${nrpeCommand}]=${plugin.file} ${plugin.option}
`,
	);
	return startServer(scene.t, port, [
		...[scene.tools.reaper, program, "-c", file, "-f"],
	]);
}

/** A query of protocol version 4: type 1, checksum, name of the command, padded to the size of version 2. */
export function nrpeQuery(): Buffer {
	const packet = Buffer.alloc(1036);
	packet.writeInt16BE(4, 0);
	packet.writeInt16BE(1, 2);
	packet.writeInt32BE(packet.length - 16, 12);
	packet.write(nrpeCommand, 16);
	packet.writeUInt32BE(crc32(packet), 4);
	return packet;
}

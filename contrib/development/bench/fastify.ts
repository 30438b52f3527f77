import { join } from "node:path";
import { freePort } from "../../../test/support/free-port.ts";
import type { Scene } from "./scene.ts";
import { type Server, startServer } from "./server.ts";

/** The command that runs Fastify with one route, over TLS with the agent's TLS options. */
export const fastifyCommand = ({ keyPair }: Scene, port: number): string[] => [
	process.execPath,
	join(process.cwd(), "build/bench/peers/fastify.js"),
	...[String(port), keyPair["public-key"], keyPair["private-key"]],
];

export async function startFastify(scene: Scene): Promise<Server> {
	const port = await freePort();
	return startServer(scene.t, port, fastifyCommand(scene, port));
}

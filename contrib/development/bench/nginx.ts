import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { freePort } from "../../../test/support/free-port.ts";
import type { Scene } from "./scene.ts";
import { type Server, startServer } from "./server.ts";

const program = "/usr/sbin/nginx";

/** One worker, because the agent has one thread; no limit on requests for each connection. */
const configuration = (parts: {
	scene: Scene;
	directory: string;
	port: number;
	upstream: string;
	location: string;
}) => `
daemon off;
worker_processes 1;
pid ${parts.directory}/pid;
error_log ${parts.directory}/error.log;
events { worker_connections 1024; }
http {
	access_log off;
	keepalive_requests 1000000000;
	client_body_temp_path ${parts.directory}/body;
	proxy_temp_path ${parts.directory}/proxy;
	fastcgi_temp_path ${parts.directory}/fastcgi;
	uwsgi_temp_path ${parts.directory}/uwsgi;
	scgi_temp_path ${parts.directory}/scgi;
	${parts.upstream}
	server {
		listen 127.0.0.1:${parts.port} ssl;
		ssl_protocols TLSv1.2 TLSv1.3;
		ssl_certificate ${parts.scene.keyPair["public-key"]};
		ssl_certificate_key ${parts.scene.keyPair["private-key"]};
		location / { ${parts.location} }
	}
}
`;

async function startNginx(
	scene: Scene,
	name: string,
	site: { upstream: string; location: string },
): Promise<Server> {
	const port = await freePort();
	const directory = join(scene.directory, name);
	await mkdir(directory);
	const file = join(directory, "nginx.conf");
	await writeFile(file, configuration({ scene, directory, port, ...site }));
	const command = [program, "-p", directory, "-e", `${directory}/error.log`];
	return startServer(scene.t, port, [...command, "-c", file]);
}

/** An edge that costs next to nothing, because nginx itself answers OK. */
export const startNginxEdge = (scene: Scene, name: string) =>
	startNginx(scene, name, {
		upstream: "",
		location: 'default_type text/plain; return 200 "OK";',
	});

/** A reverse proxy with TLS on both sides and persistent connections to the edge; like the agent it verifies no certificate. */
export const startNginxProxy = (scene: Scene, name: string, edge: Server) =>
	startNginx(scene, name, {
		upstream: `upstream edge {
		server 127.0.0.1:${edge.port};
		keepalive 64;
		keepalive_requests 1000000000;
	}`,
		location: `proxy_pass https://edge;
			proxy_http_version 1.1;
			proxy_set_header Connection "";`,
	});

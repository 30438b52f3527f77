/**
 * Adds hosts to a file of known hosts, as a process of its own: those of its number, and one that
 * all processes add, each with another key. Prints how many it was allowed to connect to.
 *   node known-hosts-child.js FILE NUMBER HOSTS
 */
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { KnownHosts } from "../../src/known-hosts.ts";
import { createPair } from "./next-hop.ts";

const [file = "", number = "", hosts = ""] = process.argv.slice(2);
const certificate = new X509Certificate(createPair().certificate);
const known = new KnownHosts({
	file,
	isNamed: true,
	mayBeMissing: true,
	added: () => {},
});
// all begin at the same time
process.stdout.write("ready\n");
await once(process.stdin, "data");
let allowed = 0;
for (let n = 0; n < Number(hosts); n++)
	if (!known.pin({ host: `h${number}-${n}`, port: 1 })?.(certificate))
		allowed++;
const shared = known.pin({ host: "shared", port: 1 })?.(certificate);
console.log(JSON.stringify({ allowed, shared: shared ?? "allowed" }));
process.exit(0);

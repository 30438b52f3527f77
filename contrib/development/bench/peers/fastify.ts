// Bare Fastify: fastify.js PORT CERTIFICATE KEY
import fastify from "fastify";
import { loadKeyPair, tlsOptions } from "../../../../src/tls/key-pair.ts";

const [port = "", certificateFile = "", privateKeyFile = ""] =
	process.argv.slice(2);
const pair = await loadKeyPair({
	certificateFile,
	privateKeyFile,
	passphrase: "",
	passphraseFile: "",
});
const app = fastify({ https: tlsOptions(pair) });
app.get("/", async () => "OK");
await app.listen({ host: "127.0.0.1", port: Number(port) });

import type { TlsOptions } from "node:tls";
import type { KeyPair } from "./key-pair.ts";

/**
 * What TLS 1.3 and 1.2 may use: AEAD with forward secrecy, nothing else.
 * The original had only the AES128-GCM suites for TLS 1.2 and preferred AES128 in 1.3, so these come first.
 */
export const ciphers = [
	"TLS_AES_128_GCM_SHA256",
	"TLS_AES_256_GCM_SHA384",
	"TLS_CHACHA20_POLY1305_SHA256",
	"ECDHE-ECDSA-AES128-GCM-SHA256",
	"ECDHE-RSA-AES128-GCM-SHA256",
	"ECDHE-ECDSA-AES256-GCM-SHA384",
	"ECDHE-RSA-AES256-GCM-SHA384",
	"ECDHE-ECDSA-CHACHA20-POLY1305",
	"ECDHE-RSA-CHACHA20-POLY1305",
].join(":");

/**
 * What a key pair means for https.createServer: TLS 1.2 at least, our ciphers, HTTP/1.1.
 * setSecureContext (after a reload) needs all of it again, else it falls back to Node's defaults.
 */
export function tlsOptions(pair: KeyPair) {
	return {
		cert: pair.certificate,
		key: pair.privateKey,
		...(pair.passphrase === undefined ? {} : { passphrase: pair.passphrase }),
		minVersion: "TLSv1.2",
		ciphers,
		honorCipherOrder: true,
		ALPNProtocols: ["http/1.1", "http/1.0"],
		// no client certificate is asked for; without this Node parses all the root
		// certificates of its own, 40 ms and 3 MiB (measured, Node 20)
		ca: [],
	} as const satisfies TlsOptions;
}

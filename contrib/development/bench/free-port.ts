import { createServer } from "node:net";

/** A port of 127.0.0.1 that was free a moment ago, for programs that do not say which one they took. */
export function freePort(): Promise<number> {
	return new Promise((resolve, reject) => {
		const server = createServer().once("error", reject);
		server.listen(0, "127.0.0.1", () => {
			const address = server.address();
			server.close(() =>
				resolve(typeof address === "object" ? (address?.port ?? 0) : 0),
			);
		});
	});
}

import { request } from "node:http";
import type { Received } from "./https.ts";

/** Sends a request over a Unix socket and reads the whole answer. */
export const sendAdmin = (
	socketPath: string,
	{
		method = "GET",
		path = "/",
		headers = {},
		body,
		signal,
	}: {
		method?: string;
		path?: string;
		headers?: Record<string, string>;
		body?: string;
		signal?: AbortSignal;
	} = {},
) =>
	new Promise<Pick<Received, "status" | "headers" | "text">>(
		(resolve, reject) => {
			const sent = request(
				{
					...{ socketPath, method, path, headers, agent: false },
					...(signal && { signal }),
				},
				(answer) => {
					let text = "";
					answer.setEncoding("utf8").on("data", (chunk: string) => {
						text += chunk;
					});
					answer.once("error", reject);
					answer.once("end", () =>
						resolve({
							status: answer.statusCode ?? 0,
							headers: answer.headers,
							text,
						}),
					);
				},
			);
			sent.once("error", reject);
			sent.end(body);
		},
	);

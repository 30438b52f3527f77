import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Scene } from "./scene.ts";

/** Writes the bytes of a request to a file of the run. Returns its path. */
export async function requestFile(
	{ directory }: Scene,
	name: string,
	request: { path: string; body?: unknown; close?: boolean },
): Promise<string> {
	const { path, body, close } = request;
	const text = body === undefined ? "" : JSON.stringify(body);
	const head = [
		`${body === undefined ? "GET" : "POST"} ${path} HTTP/1.1`,
		"Host: localhost",
		...(close ? ["Connection: close"] : []),
		...(body === undefined
			? []
			: [
					"Content-Type: application/json",
					`Content-Length: ${Buffer.byteLength(text)}`,
				]),
	];
	const file = join(directory, `${name}.request`);
	await writeFile(file, `${head.join("\r\n")}\r\n\r\n${text}`);
	return file;
}

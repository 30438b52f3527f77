/** The bytes of a GET. */
export const getText = (path: string, headers: readonly string[] = []) =>
	[`GET ${path} HTTP/1.1`, "Host: agent", ...headers, "", ""].join("\r\n");

/** The bytes of a POST. */
export function postText(path: string, body: unknown): string {
	const text = typeof body === "string" ? body : JSON.stringify(body);
	return `${postHead(path, Buffer.byteLength(text))}${text}`;
}

/** The head of a POST that declares this many bytes. */
export const postHead = (path: string, bytes: number) =>
	`POST ${path} HTTP/1.1\r\nHost: agent\r\nContent-Length: ${bytes}\r\n\r\n`;

/** The head of a POST whose body comes in chunks. */
export const chunkedHead = (path: string) =>
	`POST ${path} HTTP/1.1\r\nHost: agent\r\nTransfer-Encoding: chunked\r\n\r\n`;

/** This many blanks, each in a chunk of its own, 10,000 chunks in a piece. */
export function* oneByteChunks(bytes: number): Generator<Buffer> {
	const chunk = "1\r\n \r\n";
	const whole = Buffer.from(chunk.repeat(10_000));
	for (let left = bytes; left > 0; left -= 10_000)
		yield left >= 10_000 ? whole : Buffer.from(chunk.repeat(left));
}

/** This many bytes in pieces of 64 KiB. */
export function* plainPieces(bytes: number): Generator<Buffer> {
	const whole = Buffer.alloc(65_536, " ");
	for (let left = bytes; left > 0; left -= whole.length)
		yield left >= whole.length ? whole : whole.subarray(0, left);
}

/** The body of a check through the hops. */
export const relayed = (
	hops: readonly string[],
	type = "monitor",
	body: unknown = {},
) => ({
	proxy_hostport: hops,
	request_type: type,
	request_json: JSON.stringify(body),
});

/** The body of a check. */
export const check = (name: string, option = "") => ({
	plugin_name: name,
	plugin_option: option,
});

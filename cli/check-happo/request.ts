import type { components } from "../../generated/schema.ts";
import type { CheckOptions, Place } from "./arguments.ts";

type Schemas = components["schemas"];

/** A request, and the agent that it goes to. */
export interface CheckRequest {
	to: Place;
	path: "/monitor" | "/proxy";
	/** Its first line and headers, with the empty line at the end. */
	head: string;
	body: string;
}

/** JSON as Go writes it, with HTML's special characters escaped. */
const goJson = (value: unknown) =>
	JSON.stringify(value).replace(
		/[<>&\u2028\u2029]/g,
		(one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`,
	);

/** The request of a check, byte for byte what check_happo 0.9.5 sends. */
export function checkRequest({
	target,
	proxies,
	plugin,
	option,
}: Pick<
	CheckOptions,
	"target" | "proxies" | "plugin" | "option"
>): CheckRequest {
	const check: Schemas["CheckRequest"] = {
		apikey: "",
		plugin_name: plugin,
		plugin_option: option,
	};
	const json = goJson(check);
	const [to = target, ...others] = [...proxies, target];
	const relayed: Schemas["RelayRequest"] = {
		proxy_hostport: others.map(({ text }) => text),
		request_type: "monitor",
		request_json: Buffer.from(json).toString("base64"),
	};
	const [path, body] =
		others.length > 0
			? (["/proxy", goJson(relayed)] as const)
			: (["/monitor", json] as const);
	const head = [
		`POST ${path} HTTP/1.1`,
		`Host: ${to.text}`,
		"Content-Type: application/json",
		`Content-Length: ${Buffer.byteLength(body)}`,
		"Connection: close",
		"\r\n",
	].join("\r\n");
	return { to, path, head, body };
}

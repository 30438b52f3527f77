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
	/** Its body for people, without the key. */
	shown: string;
}

/** JSON as Go writes it, with HTML's special characters escaped. */
const goJson = (value: unknown) =>
	JSON.stringify(value).replace(
		/[<>&\u2028\u2029]/g,
		(one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`,
	);

type Asked = Pick<CheckOptions, "target" | "proxies" | "plugin" | "option">;

/** The body for the first hop, and the hops after it. */
function bodyWith(apikey: string, asked: Asked, others: readonly Place[]) {
	const check: Schemas["CheckRequest"] = {
		apikey,
		plugin_name: asked.plugin,
		plugin_option: asked.option,
	};
	const json = goJson(check);
	if (others.length === 0) return json;
	const relayed: Schemas["RelayRequest"] = {
		// bastions pass on neither headers nor this, so that the check itself has a key, too
		...(apikey !== "" && { apikey }),
		proxy_hostport: others.map(({ text }) => text),
		request_type: "monitor",
		request_json: Buffer.from(json).toString("base64"),
	};
	return goJson(relayed);
}

/**
 * The request of a check; without a key, byte for byte what check_happo 0.9.5 sends.
 * @param key the client's key; "" if it has none
 */
export function checkRequest(asked: Asked, key = ""): CheckRequest {
	const { target, proxies } = asked;
	const [to = target, ...others] = [...proxies, target];
	const path = others.length > 0 ? "/proxy" : "/monitor";
	const body = bodyWith(key, asked, others);
	const head = [
		`POST ${path} HTTP/1.1`,
		`Host: ${to.text}`,
		"Content-Type: application/json",
		`Content-Length: ${Buffer.byteLength(body)}`,
		"Connection: close",
		"\r\n",
	].join("\r\n");
	const shown = key === "" ? body : bodyWith("(hidden)", asked, others);
	return { to, path, head, body, shown };
}

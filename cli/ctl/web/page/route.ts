import { useEffect, useState } from "preact/hooks";

/** What the page shows, from the fragment of its address. */
export type Route =
	| { view: "hosts" }
	| { view: "host"; key: string; part: string | undefined };

/** `#/` is the list, `#/host/KEY` a host, `#/host/KEY/PART` a part of it. */
export function parseRoute(fragment: string): Route {
	const [, first, key = "", part] = fragment.replace(/^#/, "").split("/");
	if (first !== "host" || key === "") return { view: "hosts" };
	try {
		return { view: "host", key: decodeURIComponent(key), part };
	} catch {
		// half of an escape sequence
		return { view: "hosts" };
	}
}

/** The address of a host, or of a part of it. */
export const hostAddress = (key: string, part?: string) =>
	`#/host/${encodeURIComponent(key)}${part ? `/${part}` : ""}`;

/** The present route. */
export function useRoute(): Route {
	const [route, setRoute] = useState(() => parseRoute(location.hash));
	useEffect(() => {
		const onChange = () => setRoute(parseRoute(location.hash));
		addEventListener("hashchange", onChange);
		return () => removeEventListener("hashchange", onChange);
	}, []);
	return route;
}

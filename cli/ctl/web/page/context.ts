import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { Api } from "./session.ts";
import type { Host, PartName } from "./watch.ts";

/** What all parts of a host's page need. */
export interface Shown {
	api: Api;
	host: Host;
	/** Asks the agent for parts at once. */
	ask(...names: readonly PartName[]): void;
}

export const ShownContext = createContext<Shown | undefined>(undefined);

/** The host that the page shows. */
export function useShown(): Shown {
	const shown = useContext(ShownContext);
	if (!shown) throw new Error("no host is shown");
	return shown;
}

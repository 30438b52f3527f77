import { useShown } from "./context.ts";
import { html } from "./html.ts";
import { Part } from "./part.ts";
import { hostAddress } from "./route.ts";
import type { Parts } from "./watch.ts";

export function RelayPart({
	part,
	name,
}: {
	part: Parts["relay"];
	name: string;
}) {
	const { host } = useShown();
	const data = part?.data;
	const settings = Object.entries(data?.settings ?? {}).filter(
		([, value]) => value !== "",
	);
	const isOnly = (one: string) =>
		data?.behind.filter(({ name }) => name === one).length === 1;
	const total = data?.requests.reduce((sum, { count }) => sum + count, 0) ?? 0;
	return html`<${Part} id="relay" title="Relay" waitsFor=${`the relay of ${name}`} state=${part} asks=${["relay"]}>
		<p>
			${host.via.length === 0 ? "It is asked directly." : `It is asked through ${host.via.join(", then ")}.`}
			${" "}${
				total === 0
					? "It has relayed no requests since it started."
					: `It has answered ${total.toLocaleString("en")} requests to relay: ${data?.requests.map(({ status, count }) => `${count.toLocaleString("en")} with status ${status}`).join(", ")}.`
			}
			${data?.running ? ` ${data.running.toLocaleString("en")} are in flight or wait.` : ""}
		</p>
		${
			data &&
			data.slow_hops.length > 0 &&
			html`<p>Slow, or did not answer the last time: ${data.slow_hops.join(", ")}.</p>`
		}
		${
			data &&
			data.behind.length > 0 &&
			html`<p>
				Through it, this list reaches
				${data.behind.map(({ key, name }, at) => html`${at > 0 && ","} <a href=${hostAddress(key)}>${isOnly(name) ? name : key}</a>`)}.
			</p>`
		}
		${
			settings.length > 0 &&
			html`<dl class="settings">
				${settings.map(([flag, value]) => html`<div><dt><code>--${flag}</code></dt><dd>${value}</dd></div>`)}
			</dl>`
		}
	<//>`;
}

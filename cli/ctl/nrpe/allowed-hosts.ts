import { isIP } from "node:net";
import { addressBits, leadingBits } from "../../../src/policy/networks.ts";
import { mappedAddress } from "../../../src/protocol/access.ts";
import { atoi } from "./c-text.ts";

/** What NRPE takes an entry of `allowed_hosts` for. */
export type AllowedEntry =
	| {
			readonly kind: "network";
			/** Without host bits, as a policy has it. */
			readonly network: string;
	  }
	| { readonly kind: "name"; readonly name: string }
	| {
			readonly kind: "ignored";
			/** Why NRPE ignores it, or why it is not taken over. */
			readonly reason: string;
			/** What may have been meant. */
			readonly proposal: string;
	  };

const ignored = (reason: string, proposal: string): AllowedEntry => ({
	...{ kind: "ignored", reason, proposal },
});

/** An IPv6 network without host bits. */
function network6(address: string, prefix: number): string {
	const groups = (addressBits(address)?.words ?? []).flatMap((word, at) => {
		const left = leadingBits(word, prefix, at);
		return [left >>> 16, left & 0xffff];
	});
	const { hostname } = new URL(
		`http://[${groups.map((group) => group.toString(16)).join(":")}]/`,
	);
	const written = hostname.slice(1, -1);
	return prefix === 128 ? written : `${written}/${prefix}`;
}

function entry6(text: string): AllowedEntry {
	const slash = text.indexOf("/");
	const address = slash < 0 ? text : text.slice(0, slash);
	const mask = slash < 0 ? "" : text.slice(slash + 1);
	if (isIP(address) !== 6 || address.includes("%"))
		return ignored(
			"NRPE ignores it, as it is no address.",
			"Write an address or a network such as 2001:db8::/32.",
		);
	const prefix = mask === "" ? 128 : atoi(mask);
	if (prefix < 0 || prefix > 128)
		return ignored(
			"NRPE ignores it, as its mask is none.",
			"Write a prefix length from 0 to 128.",
		);
	if (mask !== "" && String(prefix) !== mask)
		return ignored(
			`NRPE reads the mask ${mask} as /${prefix}, which is hardly what was meant, so it is left out.`,
			"Write a prefix length from 0 to 128.",
		);
	if (mappedAddress(address) !== undefined)
		return ignored(
			"It stands for an IPv4 address in IPv6, and NRPE compares IPv4 clients with entries of IPv4 only.",
			`Write ${mappedAddress(address)} if the clients of IPv4 are meant.`,
		);
	return { kind: "network", network: network6(address, prefix) };
}

/** An entry as NRPE's reader of IPv4 takes it: `192.0.2.10` or `10.0.0.0/8`; undefined if it does not. */
function entry4(text: string): AllowedEntry | undefined {
	if (text.length < 7 || text.length > 18) return undefined;
	const match = /^(\d+)\.(\d+)\.(\d+)\.(\d+)(?:\/(\d+))?$/.exec(text);
	if (!match) return undefined;
	const [prefix = 32, ...octets] = [match[5], ...match.slice(1, 5)].map(
		(digits) => (digits === undefined ? 32 : Number(digits)),
	);
	if (octets.some((octet) => octet > 255) || prefix > 32) return undefined;
	// this is what the shift by 32 bits gives that NRPE makes for /0
	if (prefix === 0)
		return ignored(
			"NRPE makes a mask of 32 bits of /0, so it lets in 0.0.0.0 only, which is nobody.",
			"Write the networks of the monitoring servers.",
		);
	const bits = octets.reduce((all, octet) => all * 256 + octet, 0);
	const size = 2 ** (32 - prefix);
	if (bits % size !== 0) {
		const network = octetsOf(bits - (bits % size));
		return ignored(
			"NRPE ignores it, as it has bits behind its mask.",
			`Write ${network}/${prefix} for the network, or ${octetsOf(bits)} for the address.`,
		);
	}
	return {
		kind: "network",
		network: prefix === 32 ? octetsOf(bits) : `${octetsOf(bits)}/${prefix}`,
	};
}

const octetsOf = (bits: number) =>
	[24, 16, 8, 0].map((shift) => Math.floor(bits / 2 ** shift) % 256).join(".");

/** Whether NRPE takes a text for a name: letters, digits, dashes and dots in some orders. */
function isName(text: string): boolean {
	if (text.length > 63) return false;
	let state = 0;
	for (const character of text) {
		if (/[0-9]/.test(character)) state = 1;
		else if (/[A-Za-z]/.test(character)) {
			if ([0, 1, 5, 6].includes(state)) state = 1;
			else if (state >= 2 && state <= 4) state++;
		} else if (character === ".") state = [0, 2].includes(state) ? -1 : 2;
		else if (character === "-") state = [0, 2].includes(state) ? -1 : 6;
		else return false;
	}
	return [1, 4, 5].includes(state);
}

/** How NRPE takes an entry of `allowed_hosts`, without blanks around it. */
export function allowedEntry(text: string): AllowedEntry {
	if (text.includes(":")) return entry6(text);
	const found = entry4(text);
	if (found) return found;
	const [address = "", mask = ""] = text.split("/", 2);
	if (text.includes("/"))
		return ignored(
			"NRPE ignores it, as a network has a prefix length from 1 to 32 behind its slash.",
			isIP(address) === 4 && isIP(mask) === 4
				? `Write ${address}/${prefixOf(mask) ?? "n"}, with the length of ${mask}.`
				: "Write a network such as 10.0.0.0/8.",
		);
	if (/^[\d.]+$/.test(text))
		return ignored(
			"It is not an address of four numbers up to 255, and NRPE looks it up as a name.",
			"Write the whole address.",
		);
	return isName(text)
		? { kind: "name", name: text }
		: ignored(
				"NRPE ignores it, as it is neither an address nor a name.",
				"Write an address or a network.",
			);
}

/** The length of a mask such as 255.255.0.0; undefined if its bits are no beginning. */
function prefixOf(mask: string): number | undefined {
	const bits = mask
		.split(".")
		.map((octet) => Number(octet).toString(2).padStart(8, "0"))
		.join("");
	return /^1*0*$/.test(bits) ? bits.replace(/0+$/, "").length : undefined;
}

/** The entries of a line: between commas, up to the first blank. */
export const allowedEntries = (value: string): string[] =>
	value
		.split(",")
		.map((entry) => /^[ \t\n\v\f\r]*([^ \t\n\v\f\r]*)/.exec(entry)?.[1] ?? "")
		.filter((entry) => entry !== "");

import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { hostname, networkInterfaces } from "node:os";

/** What machineNames() reads, which tests replace. */
export interface NameSources {
	hostname: () => string;
	interfaces: typeof networkInterfaces;
	/** Text of a file; empty if it cannot be read. */
	read: (file: string) => string;
}

const systemSources: NameSources = {
	hostname,
	interfaces: networkInterfaces,
	read(file) {
		try {
			return readFileSync(file, "utf8");
		} catch {
			return "";
		}
	},
};

/**
 * Interfaces of containers and virtual machines. They come and go with those, and nobody reaches
 * this machine through them.
 */
const ofGuests =
	/^(?:docker\d|br-[0-9a-f]{12}$|veth|virbr|vnet|lxcbr|lxdbr|podman|cni|flannel|cali|kube-)/;

/** IFA_F_TEMPORARY of <linux/if_addr.h>: an address that the kernel replaces every day. */
const temporaryFlag = 0x01;

/** Hexadecimal IPv6 addresses that the kernel replaces, from a text like /proc/net/if_inet6. */
function temporaryAddresses(text: string): Set<string> {
	const rows = text.split("\n").map((line) => line.trim().split(/\s+/));
	return new Set(
		rows.flatMap(([address = "", , , , flags = ""]) =>
			(Number.parseInt(flags, 16) & temporaryFlag) !== 0 ? [address] : [],
		),
	);
}

/** An IPv6 address as /proc/net/if_inet6 writes it: 32 digits. */
function digits(address: string): string {
	const [head = "", tail] = address.split("::");
	const groups = (text: string) => (text === "" ? [] : text.split(":"));
	const right = groups(tail ?? "");
	const left = groups(head);
	const between = tail === undefined ? 0 : 8 - left.length - right.length;
	return [...left, ...Array<string>(between).fill("0"), ...right]
		.map((group) => group.padStart(4, "0"))
		.join("");
}

/** The names that /etc/hosts gives a host, on the lines that have its name: `web01.example.net`. */
function namesInHosts(text: string, name: string): string[] {
	return text.split("\n").flatMap((line) => {
		const [, ...names] = line.replace(/#.*/, "").trim().split(/\s+/);
		return names.includes(name) ? names : [];
	});
}

/**
 * Names and addresses under which clients may reach this machine, without duplicates: its host
 * name, what /etc/hosts calls it, localhost, and the addresses of its interfaces.
 */
export function machineNames(sources: NameSources = systemSources): string[] {
	const own = sources.hostname();
	const temporary = temporaryAddresses(sources.read("/proc/net/if_inet6"));
	const addresses = Object.entries(sources.interfaces())
		.filter(([name]) => !ofGuests.test(name))
		.flatMap(([, entries]) => entries ?? [])
		.map(({ address }) => address)
		// useless without a zone
		.filter((address) => !address.startsWith("fe80:"))
		.filter((address) => !temporary.has(digits(address)));
	const names = [
		own,
		own.split(".", 1)[0] ?? own,
		...namesInHosts(sources.read("/etc/hosts"), own),
		...["localhost", "127.0.0.1", "::1"],
		...addresses,
	];
	return [...new Set(names.filter((name) => /^[\w.:-]+$/.test(name)))];
}

/**
 * A number for this machine that another machine with a copy of its disk does not have; empty if
 * there is none. It does not tell the machine id, which is confidential (machine-id(5)).
 */
export function machineNumber({ read } = systemSources): string {
	const id = read("/etc/machine-id").trim();
	return /^[0-9a-f]{32}$/.test(id)
		? createHmac("sha256", id).update("happo-agent key pair").digest("hex")
		: "";
}

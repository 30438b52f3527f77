import { BlockList } from "node:net";

const networks = new BlockList();
networks.addSubnet("127.0.0.0", 8, "ipv4");
networks.addAddress("::1", "ipv6");

/** Whether a host, as users write it, is this machine: `localhost`, 127.0.0.0/8 or ::1. */
export const isLoopback = (host: string): boolean =>
	host === "localhost" ||
	networks.check(host, host.includes(":") ? "ipv6" : "ipv4");

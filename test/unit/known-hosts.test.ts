import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import {
	appendFile,
	chmod,
	chown,
	readdir,
	readFile,
	readlink,
	rename,
	stat,
	symlink,
	writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { KnownHosts, userFile } from "../../src/known-hosts.ts";
import { hopText, parseHop, parsePin } from "../../src/protocol/hop.ts";
import { keyPin, pinOn, whyRefused } from "../../src/protocol/pin.ts";
import { createSelfSigned } from "../../src/tls/self-signed.ts";
import { createPair } from "../support/next-hop.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const hop = (text: string) => parseHop(text) ?? assert.fail(text);
const newCertificate = () => new X509Certificate(createPair().certificate);
const one = newCertificate();
const other = newCertificate();

/** A file of known hosts with a content; without one, it does not exist. */
async function setUp(t: TestContext, content?: string) {
	const file = join(await temporaryDirectory(t), "happo/known_hosts");
	const said: string[] = [];
	const open = (parts: { adds?: boolean; mayBeMissing?: boolean } = {}) => {
		const known = new KnownHosts({
			file,
			isNamed: true,
			mayBeMissing: parts.mayBeMissing ?? false,
			added: parts.adds ? (line) => said.push(line) : undefined,
		});
		known.use(known.read());
		return known;
	};
	if (content !== undefined) {
		const adding = new KnownHosts({ file, isNamed: true, mayBeMissing: true });
		adding.add(hop("first"), [keyPin(one)]);
		await writeFile(file, content);
	}
	return { file, said, open, text: () => readFile(file, "utf8") };
}

// files of other owners: CI runs as root, and an ordinary user cannot make them
const isOrdinaryUser = process.getuid?.() !== 0;
const needsRoot = "only root can give a file away";

describe("a pin", () => {
	it("of a public key is what openssl and curl make of it", () => {
		const { certificate } = createPair();
		const script =
			"openssl x509 -noout -pubkey | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64";
		const printed = execFileSync("/bin/sh", ["-c", script], {
			input: certificate,
			encoding: "utf8",
		});
		assert.equal(
			keyPin(new X509Certificate(certificate)),
			`sha256//${printed.trim()}`,
		);
	});

	it("of a public key stays when the certificate is renewed", () => {
		const { certificate, privateKey } = createPair();
		const renewed = createSelfSigned({
			commonName: "renewed",
			names: ["elsewhere"],
			now: new Date(),
			privateKey,
		});
		const [before, after] = [certificate, renewed.certificate].map(
			(pem) => new X509Certificate(pem),
		) as [X509Certificate, X509Certificate];
		assert.equal(pinOn(keyPin(before))(after), undefined);
		assert.match(
			pinOn(before.fingerprint256)(after) ?? "",
			/^certificate fingerprint is (..:){31}.., not (..:){31}..$/,
		);
	});

	it("that fails refuses, as the other end chooses its certificate", () => {
		const fails = () => {
			throw new Error("odd");
		};
		assert.equal(
			whyRefused(one, fails),
			"its certificate cannot be verified: odd",
		);
		assert.equal(whyRefused(undefined, fails), "it shows no certificate");
		assert.equal(whyRefused(one, pinOn(keyPin(one))), undefined);
	});

	it("has one spelling, and nothing else is one", () => {
		const pin = keyPin(one);
		assert.equal(parsePin(pin), pin);
		assert.equal(parsePin(pin.replace("=", "")), pin);
		const hex = one.fingerprint256.replaceAll(":", "").toLowerCase();
		assert.equal(parsePin(hex), one.fingerprint256);
		for (const wrong of [
			...["", "sha256//", "sha256//AAAA", `sha256//${hex}`, `${pin}=`],
			// the last digit has bits that no byte has
			`${pin.slice(0, -2)}B=`,
			...[`sha256/${pin.slice(8)}`, `SHA256:${pin.slice(8)}`, hex.slice(1)],
		])
			if (wrong !== pin) assert.equal(parsePin(wrong), undefined, wrong);
	});
});

describe("a file of known hosts", () => {
	it("has names, addresses and ports in any spelling, comments, and several pins", async (t) => {
		const { open } = await setUp(
			t,
			[
				"# agents",
				"",
				`  Web01.   ${keyPin(one)}  # the first`,
				`web01:7000 ${other.fingerprint256}`,
				`[2001:DB8:0:0::1]:6778\t${keyPin(other)} ${keyPin(one)}\r`,
				`::ffff:192.0.2.7 ${one.fingerprint256.replaceAll(":", "").toLowerCase()}`,
			].join("\n"),
		);
		const known = open();
		for (const [place, certificate, isRight] of [
			["web01", one, true],
			["WEB01:6777", other, false],
			["web01:7000", other, true],
			["web01:7000", one, false],
			["[2001:db8::1]:6778", one, true],
			["[2001:db8::1]:6778", other, true],
			["192.0.2.7", one, true],
		] as const)
			assert.equal(
				known.pin(hop(place))?.(certificate) === undefined,
				isRight,
				place,
			);
		for (const unknown of ["web02", "2001:db8::1", "192.0.2.7:1"])
			assert.equal(known.pin(hop(unknown)), undefined, unknown);
	});

	it("refuses another key with file and line, and says how to go on", async (t) => {
		const { file, open, text } = await setUp(t, `\n\nh ${keyPin(one)}\n`);
		const before = await text();
		for (const adds of [false, true]) {
			const reason = open({ adds }).pin(hop("h"))?.(other) ?? "";
			assert.ok(
				reason.startsWith(
					`public key is ${keyPin(other)}, not ${keyPin(one)} (${file} line 3): `,
				),
				reason,
			);
			assert.ok(reason.includes(other.fingerprint256));
			assert.ok(
				reason.endsWith(`known-hosts remove --known-hosts ${file} h:6777`),
			);
		}
		assert.equal(await text(), before);
	});

	it("may be missing, if nobody named it", async (t) => {
		const { file, open } = await setUp(t);
		assert.equal(open({ mayBeMissing: true }).content.hosts.size, 0);
		assert.throws(() => open(), {
			name: "KnownHostsError",
			message: `--known-hosts ${file}: no such file or directory`,
		});
	});

	it("names what is wrong with it", async (t) => {
		const { file, open } = await setUp(t, "");
		for (const line of [
			"h",
			`h! ${keyPin(one)}`,
			"h ab",
			`h ${keyPin(one)} ab`,
			`h, ${keyPin(one)}`,
		]) {
			await writeFile(file, `\n${line}\n`);
			assert.throws(() => open(), {
				message: `--known-hosts ${file} line 2: not HOST[:PORT] SHA256`,
			});
		}
		await writeFile(file, Buffer.alloc(4 * 1024 * 1024 + 1, "#"));
		assert.throws(() => open(), /: has more than 4194304 bytes$/);
		await writeFile(file, "");
		await chmod(file, 0o666);
		assert.throws(() => open(), /: mode 0666, every user .* can change it/);
		await rename(file, `${file}.old`);
		execFileSync("mkfifo", [file]);
		assert.throws(() => open({ adds: true }), /: not a regular file$/);
	});

	it("is where XDG_CONFIG_HOME says", () => {
		assert.equal(userFile({ HOME: "/h" }), "/h/.config/happo/known_hosts");
		assert.equal(
			userFile({ HOME: "/h", XDG_CONFIG_HOME: "/x" }),
			"/x/happo/known_hosts",
		);
	});

	it("tells which hosts are verified in another way now", async (t) => {
		const lines = (...texts: string[]) => `${texts.join("\n")}\n`;
		const [a, b, c] = ["a", "b", "c"].map((name) => `${name} ${keyPin(one)}`);
		const { file, open } = await setUp(t, lines(a as string, b as string));
		const known = open();
		const changed: string[] = [];
		known.changed = (one) => changed.push(hopText(one));
		await writeFile(
			file,
			lines("# new", `b ${keyPin(other)}`, a as string, c as string),
		);
		known.use(known.read());
		assert.deepEqual(changed.sort(), ["b:6777", "c:6777"]);
	});
});

describe("hosts that are added", () => {
	it("get a line with their key, in a file that only its user can read", async (t) => {
		const { file, said, open, text } = await setUp(t);
		const known = open({ adds: true });
		assert.equal(known.pin(hop("h"))?.(one), undefined);
		assert.equal(known.pin(hop("[::1]:7"))?.(other), undefined);
		assert.match(
			await text(),
			/^h:6777 sha256\S+ # accepted on \d{4}-\d\d-\d\d\n\[::1\]:7 sha256\S+ #.*\n$/,
		);
		assert.equal((await stat(file)).mode & 0o777, 0o600);
		assert.equal((await stat(join(file, ".."))).mode & 0o777, 0o700);
		assert.deepEqual(said, [
			`h:6777: added to ${file}: ${keyPin(one)}`,
			`[::1]:7: added to ${file}: ${keyPin(other)}`,
		]);
		// from now on they are known
		assert.match(known.pin(hop("h"))?.(other) ?? "", /line 1\)/);
		assert.match(open().pin(hop("[::1]:7"))?.(one) ?? "", /line 2\)/);
	});

	it("leave everything else as it is", async (t) => {
		const before = `# my hosts\nh ${keyPin(one)} # the first`;
		const { open, text } = await setUp(t, before);
		assert.equal(open({ adds: true }).pin(hop("new"))?.(one), undefined);
		assert.ok((await text()).startsWith(`${before}\nnew:6777 sha256`));
	});

	it("are those of other processes, too, and of whoever edits the file", async (t) => {
		const { file, open, text } = await setUp(t, "");
		const known = open({ adds: true });
		const changed: string[] = [];
		known.changed = (one) => changed.push(hopText(one));
		await appendFile(file, `h ${keyPin(one)}\n`);
		assert.match(known.pin(hop("h"))?.(other) ?? "", /line 1\)/);
		await writeFile(file, `\n# only\nh ${keyPin(other)}\n`);
		assert.equal(known.pin(hop("new"))?.(one), undefined);
		assert.equal(known.pin(hop("h"))?.(other), undefined);
		assert.match(known.pin(hop("h"))?.(one) ?? "", /line 3\)/);
		// the connection by which a host is added may stay
		assert.deepEqual(changed, ["h:6777"]);
		const afterwards = await text();
		await writeFile(file, "odd\n");
		assert.match(known.pin(hop("third"))?.(one) ?? "", /line 1: not HOST/);
		assert.equal(await text(), "odd\n");
		assert.ok(afterwards.includes("new:6777"));
	});

	it("are refused if the file cannot be written, or becomes too large", async (t) => {
		const { file, open, text } = await setUp(t, "");
		await writeFile(file, `#${"x".repeat(4 * 1024 * 1024 - 20)}\n`);
		const known = open({ adds: true });
		const before = await text();
		assert.match(
			known.pin(hop("h"))?.(one) ?? "",
			/: cannot be written: would have more than 4194304 bytes$/,
		);
		assert.equal(await text(), before);
		const none = new KnownHosts({
			// below a file
			file: join(file, "known_hosts"),
			isNamed: true,
			mayBeMissing: true,
			added: () => assert.fail("added"),
		});
		assert.match(
			none.pin(hop("h"))?.(one) ?? "",
			/^--known-hosts \S+: cannot be written: /,
		);
	});

	it("agree among processes that add them at the same time", async (t) => {
		const { file, text } = await setUp(t);
		const [processes, hosts] = [6, 40];
		const child = new URL("../support/known-hosts-child.js", import.meta.url);
		const children = Array.from({ length: processes }, (_, number) =>
			spawn(process.execPath, [
				...[child.pathname, file, String(number), String(hosts)],
			]),
		);
		t.after(() => {
			for (const one of children) one.kill("SIGKILL");
		});
		await Promise.all(children.map(({ stdout }) => once(stdout, "data")));
		const results = children.map(async ({ stdin, stdout }) => {
			stdin.write("go\n");
			let printed = "";
			for await (const chunk of stdout) printed += chunk;
			return JSON.parse(printed) as { allowed: number; shared: string };
		});
		const answers = await Promise.all(results);
		assert.deepEqual(
			answers.map(({ allowed }) => allowed),
			Array.from({ length: processes }, () => hosts),
		);
		const refused = answers.filter(({ shared }) => shared !== "allowed");
		assert.equal(refused.length, processes - 1);
		for (const { shared } of refused)
			assert.match(shared, /^public key is \S+, not \S+ \(\S+ line \d+\)/);
		const known = new KnownHosts({ file, isNamed: true, mayBeMissing: false });
		assert.equal(known.read().hosts.size, processes * hosts + 1);
		for (const line of (await text()).trimEnd().split("\n"))
			assert.match(line, /^\S+:1 sha256\S{45}= # accepted on \S+$/);
	});
});

describe("changes by hand", () => {
	it("add a host once", async (t) => {
		const { file, open, text } = await setUp(t);
		const known = open({ mayBeMissing: true });
		known.add(hop("h"), [keyPin(one), other.fingerprint256]);
		assert.equal(
			await text(),
			`h:6777 ${keyPin(one)} ${other.fingerprint256}\n`,
		);
		assert.throws(
			() => known.add(hop("H."), [keyPin(other)]),
			/^KnownHostsError: h:6777: is in \S+ line 1 already; .*: happo-ctl known-hosts remove --known-hosts \S+ h:6777$/,
		);
		assert.equal((await stat(file)).mode & 0o777, 0o600);
	});

	it("make a file that services can read, whatever the umask", async (t) => {
		const directory = await temporaryDirectory(t);
		const umask = process.umask(0o077);
		t.after(() => process.umask(umask));
		for (const [mode, directoryMode] of [
			[0o644, 0o755],
			[0o600, 0o700],
		] as const) {
			const file = join(directory, `${mode}/happo/known_hosts`);
			const parts = { file, mode, isNamed: true, mayBeMissing: true };
			new KnownHosts(parts).add(hop("h"), [keyPin(one)]);
			for (const [path, expected] of [
				[file, mode],
				[join(file, ".."), directoryMode],
				[join(file, "../.."), directoryMode],
			] as const)
				assert.equal((await stat(path)).mode & 0o777, expected, path);
			// it stays as somebody has set it
			await chmod(file, 0o640);
			new KnownHosts(parts).add(hop("other"), [keyPin(one)]);
			assert.equal((await stat(file)).mode & 0o777, 0o640);
		}
	});

	it("make a file for the owner of its directory, if root makes it", async (t) => {
		if (isOrdinaryUser) return t.skip(needsRoot);
		const directory = await temporaryDirectory(t);
		await chown(directory, 12_345, 23_456);
		const file = join(directory, "known_hosts");
		const known = new KnownHosts({ file, isNamed: true, mayBeMissing: true });
		known.add(hop("h"), [keyPin(one)]);
		const { uid, gid } = await stat(file);
		assert.deepEqual([uid, gid], [12_345, 23_456]);
	});

	it("remove a host, and nothing else: neither comments nor the mode, nor a link", async (t) => {
		const { file, open, text } = await setUp(
			t,
			`# one\nh ${keyPin(one)} # x\n\nother ${keyPin(one)}\nh:6777 ${keyPin(other)}\n`,
		);
		await chmod(file, 0o640);
		await rename(file, `${file}.real`);
		await symlink(`${file}.real`, file);
		const known = open();
		assert.equal(known.remove(hop("h")), 2);
		assert.equal(await text(), `# one\n\nother ${keyPin(one)}\n`);
		assert.equal((await stat(file)).mode & 0o777, 0o640);
		assert.equal(await readlink(file), `${file}.real`);
		assert.equal(known.remove(hop("h")), 0);
	});

	it("leave the file to its owner, who reads and appends to it", async (t) => {
		if (isOrdinaryUser) return t.skip(needsRoot);
		const { file, open } = await setUp(t, `h ${keyPin(one)}\n`);
		await chmod(file, 0o644);
		await chown(file, 12_345, 23_456);
		const umask = process.umask(0o077);
		try {
			assert.equal(open().remove(hop("h")), 1);
		} finally {
			process.umask(umask);
		}
		const { uid, gid, mode } = await stat(file);
		assert.deepEqual([uid, gid, mode & 0o777], [12_345, 23_456, 0o644]);
	});

	it("are refused if the owner of the file would change", async (t) => {
		if (isOrdinaryUser) return t.skip(needsRoot);
		const content = `h ${keyPin(one)}\n`;
		const { file, open, text } = await setUp(t, content);
		await chmod(file, 0o644);
		await chown(file, 12_345, 23_456);
		await chmod(join(file, "../.."), 0o755);
		await chmod(join(file, ".."), 0o777);
		process.seteuid?.(34_567);
		try {
			assert.throws(() => open().remove(hop("h")), {
				message: `--known-hosts ${file}: cannot be written: its owner 12345 and group 23456 cannot be kept`,
			});
		} finally {
			process.seteuid?.(0);
		}
		assert.equal(await text(), content);
		assert.deepEqual(await readdir(join(file, "..")), ["known_hosts"]);
	});
});

import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";

/** A file, link or folder of a package. */
interface PackagedFile {
	path: string;
	content?: string | Buffer;
	mode?: number;
	link?: string;
	isConfiguration?: true;
}

type Make = (parts: object) => { files: PackagedFile[] };

const { agentPackage, checkPackage, collectorPackage } = (await import(
	pathToFileURL(join(process.cwd(), "contrib/packaging/trees.mjs")).href
)) as Record<"agentPackage" | "checkPackage" | "collectorPackage", Make>;

/** The files of a package of this build, by path. */
function filesOf(make: Make, architecture: string) {
	const { files } = make({
		build: {
			dist: "dist",
			man: {
				...{ "happo-agent.8": "", "happo-ctl.1": "", "check_happo.1": "" },
				"happo-collector.8": "",
			},
			completion: "",
			socketDropIn: "",
		},
		...{ version: "2.0.0", architecture, node: { version: "24.0.0" } },
		...{ addon: Buffer.from("addon"), client: Buffer.from("client") },
		plugins: "/usr/lib/nagios/plugins",
	});
	assert.equal(new Set(files.map(({ path }) => path)).size, files.length);
	const texts = new Map(
		files.map(({ path, content = "" }) => [path, content.toString()]),
	);
	return {
		files,
		text: (path: string) => texts.get(path) ?? assert.fail(path),
	};
}

for (const architecture of ["x64", "arm64"])
	test(`the package of the agent for ${architecture} has what the agent loads, and of one architecture`, () => {
		const { files } = filesOf(agentPackage, architecture);
		const native = files
			.map(({ path }) => path)
			.filter((path) => path.endsWith(".node"));
		assert.equal(native.length, 2);
		for (const path of native) assert.match(path, new RegExp(architecture));
		// what is loaded when it is needed
		for (const name of ["run-daemon", "original-export", "undici"])
			assert.ok(
				files.some(({ path }) => path.includes(`/dist/${name}-`)),
				name,
			);
		assert.ok(!files.some(({ path }) => path.endsWith("/client.js")));
	});

test("the packages of agent and collector have rules and dashboard where the documents link to them", () => {
	const { text } = filesOf(agentPackage, "x64");
	const at = "/usr/share/doc/happo-agent";
	const links = [
		...text(`${at}/doc/dashboard.md`).matchAll(/\]\(\.\.\/([^)]+)\)/g),
	].map(([, name]) => name);
	assert.ok(links.length >= 4);
	const collector = filesOf(collectorPackage, "x64");
	for (const name of links)
		assert.equal(
			collector.text(`/usr/share/happo-collector/${name}`),
			text(`${at}/${name}`),
		);
});

test("every relative link of a packaged document leads to a packaged file", () => {
	let count = 0;
	for (const make of [agentPackage, checkPackage, collectorPackage]) {
		const { files, text } = filesOf(make, "x64");
		const paths = new Set(files.map(({ path }) => path));
		for (const path of paths) {
			if (!path.endsWith(".md")) continue;
			// a line break may split a link
			const content = text(path).replace(/\s+/g, " ");
			for (const [, target = ""] of content.matchAll(/\]\((?!\w+:)([^)#]*)/g)) {
				const there = target === "" ? path : join(dirname(path), target);
				assert.ok(paths.has(there), `${path}: ${target}`);
				count++;
			}
		}
	}
	assert.ok(count > 150, `only ${count} links`);
	const { text } = filesOf(agentPackage, "x64");
	const at = "/usr/share/doc/happo-agent";
	assert.match(text(`${at}/README.md`), /\]\(doc\/install\.md#from-packages\)/);
	assert.match(text(`${at}/doc/web.md`), /!\[[^\]]+\]\(pictures\/web-hosts/);
	assert.match(
		text(`${at}/doc/collector.md`),
		/BENCHMARKS\.md \(contrib\/development\/BENCHMARKS\.md of the sources\)/,
	);
});

test("the page of happo-ctl web is for monitoring servers, not for agents", () => {
	const pageOf = (make: Make) =>
		filesOf(make, "x64")
			.files.map(({ path }) => path)
			.filter((path) => path.includes("/dist/web/"))
			.sort();
	assert.deepEqual(pageOf(checkPackage), [
		"/usr/lib/happo/check/dist/web/index.html",
		"/usr/lib/happo/check/dist/web/page.css",
		"/usr/lib/happo/check/dist/web/page.js",
	]);
	assert.deepEqual(pageOf(agentPackage), []);
	assert.deepEqual(pageOf(collectorPackage), []);
});

test("nothing in the packages looks for a Node in PATH or sets a variable", () => {
	for (const make of [agentPackage, checkPackage, collectorPackage])
		for (const { path, content = "" } of filesOf(make, "x64").files) {
			const text = content.toString();
			assert.doesNotMatch(text.slice(0, 200), /\/usr\/bin\/env/, path);
			if (!/^#!|^\[Unit\]|^#.*\n/.test(text) || path.endsWith(".js")) continue;
			assert.doesNotMatch(
				text,
				/^(export |Environment=)?(NODE_|SSL_|LD_|PATH=)/m,
			);
			assert.doesNotMatch(text, /^ExecStart=\/usr\/bin\/env/m, path);
		}
});

test("the service of the package uses its settings, and the private Node directly", () => {
	const { text, files } = filesOf(agentPackage, "x64");
	assert.match(
		text("/usr/lib/systemd/system/happo-agent.service"),
		/^ExecStart=\/usr\/lib\/happo\/node \/usr\/lib\/happo\/agent\/dist\/happo-agent\.js daemon$/m,
	);
	assert.match(
		text("/usr/lib/systemd/system/happo-agent.service"),
		/^\[Install\]\nWantedBy=multi-user\.target\n#.*\nAlso=happo-agent\.socket$/m,
	);
	// not in the file, which an upgrade may keep
	assert.match(
		text("/usr/lib/systemd/system/happo-agent.service"),
		/^Environment=HAPPO_AGENT_STOP_GRACE_SECONDS=-1\nEnvironmentFile=-\/etc\/default\/happo-agent\.env$/m,
	);
	const settings = text("/etc/default/happo-agent.env");
	for (const line of [
		"HAPPO_AGENT_POLICY=/etc/happo/policy.yaml",
		"HAPPO_AGENT_OWN_KEY_PAIR=/var/lib/happo-agent/key-pair",
		"#HAPPO_AGENT_STOP_GRACE_SECONDS=-1",
		"#HAPPO_AGENT_ALLOWED_HOSTS=",
		"#HAPPO_AGENT_PORT=6777",
	])
		assert.ok(settings.split("\n").includes(line), line);
	assert.deepEqual(
		files
			.filter(({ isConfiguration }) => isConfiguration)
			.map(({ path }) => path)
			.sort(),
		[
			"/etc/default/happo-agent.env",
			"/etc/happo/policy.yaml",
			"/etc/logrotate.d/happo-agent",
		],
	);
});

test("check_happo is where Nagios looks for it, and the broker's units start it directly", () => {
	const { text, files } = filesOf(checkPackage, "x64");
	const link = (path: string) => files.find((file) => file.path === path)?.link;
	assert.equal(
		link("/usr/lib/nagios/plugins/check_happo"),
		"../../../bin/check_happo",
	);
	assert.equal(
		link("/usr/bin/check_happo"),
		"../lib/happo/check/dist/check_happo",
	);
	assert.match(
		text("/usr/lib/systemd/system/happo-broker.service"),
		/^ExecStart=\/usr\/lib\/happo\/node \/usr\/lib\/happo\/check\/dist\/happo-ctl\.js broker /m,
	);
	assert.match(
		text("/usr/lib/systemd/system/happo-nagios-worker.service"),
		/^ExecStart=\/usr\/bin\/check_happo --nagios-worker /m,
	);
});

test("the broker and the collector have a directory for what they write", () => {
	for (const [content, name] of [
		[checkPackage, "happo-broker"],
		[collectorPackage, "happo-collector"],
	] as const) {
		const { text } = filesOf(content, "x64");
		const unit = text(`/usr/lib/systemd/system/${name}.service`).split("\n");
		for (const line of [
			"ProtectSystem=strict",
			`StateDirectory=${name}`,
			"StateDirectoryMode=0750",
		])
			assert.ok(unit.includes(line), `${name}: ${line}`);
	}
});

test("the package of the collector has what it loads later, and its unit starts it directly", () => {
	const { text, files } = filesOf(collectorPackage, "x64");
	assert.match(
		text("/usr/lib/systemd/system/happo-collector.service"),
		/^ExecStart=\/usr\/lib\/happo\/node \/usr\/lib\/happo\/collector\/dist\/happo-collector\.js run \$HAPPO_COLLECTOR_OPTIONS$/m,
	);
	for (const name of ["due-queue", "undici"])
		assert.ok(
			files.some(({ path }) => path.includes(`/dist/${name}-`)),
			name,
		);
	// neither the agent nor a store comes with it
	assert.ok(!files.some(({ path }) => /run-daemon|classic-level/.test(path)));
	assert.deepEqual(
		files
			.filter(({ isConfiguration }) => isConfiguration)
			.map(({ path }) => path),
		["/etc/default/happo-collector.env"],
	);
});

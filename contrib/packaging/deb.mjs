// Makes a .deb with dpkg-deb.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { symbolVersions, writeTree } from "./trees.mjs";

const architectures = { x64: "amd64", arm64: "arm64" };

/** No address is public; `.invalid` says so (RFC 2606). */
export const maintainer = "happo-agent <happo-agent@packages.invalid>";

/**
 * Versions of Debian's packages that first had a version of a symbol. What dpkg-shlibdeps asks for
 * is more than the files need: it goes by the newest meaning of a function, as of sysconf in glibc
 * 2.34, not by the version that the file names.
 */
const libraries = {
	GLIBC: (version) => `libc6 (>= ${version})`,
	CXXABI: (version) =>
		`libstdc++6 (>= ${since(version, { "1.3.9": "5.1", "1.3.11": "7" })})`,
	GLIBCXX: (version) =>
		`libstdc++6 (>= ${since(version, { "3.4.11": "4.4", "3.4.21": "5.1" })})`,
	GCC: () => "libgcc-s1 | libgcc1",
};

/** Throws if a version is unknown: look it up in Debian's libstdc++6.symbols. */
function since(version, known) {
	const found = known[version];
	if (!found) throw new Error(`symbol version ${version} is in no table`);
	return found;
}

/** The dependencies on libraries, the strictest of each. */
function libraryDependencies(tree) {
	const asked = Object.entries(symbolVersions(tree)).map(([kind, version]) =>
		libraries[kind](version),
	);
	const strictest = new Map();
	for (const entry of asked.sort((one, other) =>
		one.localeCompare(other, "en", { numeric: true }),
	))
		strictest.set(entry.split(" ", 1)[0], entry);
	return [...strictest.values()];
}

function control(parts, tree, installedKilobytes) {
	const { name, version, revision, architecture, summary, description } = parts;
	const full = revision ? `${version}-${revision}` : version;
	const depends = [
		...parts.depends.map(({ name, from }) => `${name} (>= ${from})`),
		...libraryDependencies(tree),
	];
	const list = (key, entries = []) =>
		entries.length > 0 ? [`${key}: ${entries.join(", ")}`] : [];
	return `${[
		`Package: ${name}`,
		`Version: ${full}`,
		`Architecture: ${architectures[architecture]}`,
		`Maintainer: ${maintainer}`,
		`Installed-Size: ${installedKilobytes}`,
		...list("Depends", depends),
		...list("Recommends", parts.recommends),
		...list("Enhances", parts.enhances),
		"Section: net",
		"Priority: optional",
		`Description: ${summary}`,
		...description.split("\n").map((line) => ` ${line}`),
	].join("\n")}\n`;
}

/** Debian's changelog; the changes themselves are in CHANGELOG.md. */
const changelog = ({ name, version, revision }, seconds) =>
	`${name} (${revision ? `${version}-${revision}` : version}) unstable; urgency=medium

  * Packaged from a commit; CHANGELOG.md has the changes.

 -- ${maintainer}  ${new Date(seconds * 1000).toUTCString().replace("GMT", "+0000")}
`;

/** For the packages with our programs. */
const programs = [
	"# the licences of what they bring, as they are",
	"copyright-file-contains-full-apache-2-license",
	"# it takes the C library that Node.js has loaded, whichever that is",
	"shared-library-lacks-prerequisites",
];

/** Tags of lintian that each package overrides; a comment before them says why. */
const overrides = {
	"happo-node": [
		"# Node.js brings its libraries, as on nodejs.org",
		"embedded-library",
		"hardening-no-pie",
		"# the text of Node.js, with the licences of what it brings, as it is",
		"copyright-file-contains-full-apache-2-license",
		"copyright-not-using-common-license-for-gpl",
		"old-fsf-address-in-copyright-file",
		"# not a package of Debian",
		"initial-upload-closes-no-bugs",
	],
	"happo-agent": [
		"# may hold a passphrase",
		"non-standard-file-perm 0640 != 0644 [etc/default/happo-agent.env]",
		"# says who may do what",
		"non-standard-file-perm 0640 != 0644 [etc/happo/policy.yaml]",
		...programs,
	],
	"happo-collector": [
		"# may hold passwords of stores",
		"non-standard-file-perm 0640 != 0644 [etc/default/happo-collector.env]",
		...programs,
	],
	"happo-check": [
		"# check_happo starts for each check: linked statically it takes half the time",
		"statically-linked-binary",
		"# as in happo-agent",
		"non-standard-file-perm 0640 != 0644 [etc/default/happo-broker.env]",
		...programs,
	],
};

/**
 * Writes `<name>_<version>_<architecture>.deb` into `output`.
 * @returns its path
 */
export function makeDeb(parts, { work, output, seconds, preset }) {
	const { name, version, revision, architecture } = parts;
	const tree = join(work, `${name}-deb`);
	const lines = overrides[name].map((line) =>
		line.startsWith("#") ? line : `${name}: ${line}`,
	);
	const files = [
		...parts.files,
		{
			path: `/usr/share/doc/${name}/${revision ? "changelog.Debian.gz" : "changelog.gz"}`,
			content: gzipSync(changelog(parts, seconds), { level: 9 }),
			mode: 0o644,
		},
		...(lines.length > 0
			? [
					{
						path: `/usr/share/lintian/overrides/${name}`,
						content: `${lines.join("\n")}\n`,
						mode: 0o644,
					},
				]
			: []),
	];
	writeTree(files, tree, seconds);
	const bytes = files.reduce(
		(sum, { content }) => sum + 1024 + Buffer.byteLength(content ?? ""),
		0,
	);
	const configurations = files.filter(({ isConfiguration }) => isConfiguration);
	const sums = files
		.filter(({ content, isConfiguration }) => content && !isConfiguration)
		.map(
			({ path, content }) =>
				`${createHash("md5").update(content).digest("hex")}  ${path.slice(1)}`,
		)
		.sort((one, other) => (one.slice(34) < other.slice(34) ? -1 : 1));
	const scripts = ["postinst", "prerm", "postrm"].flatMap((script) => {
		const from = join("contrib/packaging/scripts", `${name}.${script}`);
		return existsSync(from)
			? [
					{
						path: `/DEBIAN/${script}`,
						content: readFileSync(from),
						mode: 0o755,
					},
				]
			: [];
	});
	writeTree(
		[
			...files,
			...scripts,
			{
				path: "/DEBIAN/control",
				content: control(parts, tree, Math.ceil(bytes / 1024)),
				mode: 0o644,
			},
			{ path: "/DEBIAN/md5sums", content: `${sums.join("\n")}\n`, mode: 0o644 },
			...(configurations.length > 0
				? [
						{
							path: "/DEBIAN/conffiles",
							content: configurations.map(({ path }) => `${path}\n`).join(""),
							mode: 0o644,
						},
					]
				: []),
		],
		tree,
		seconds,
	);
	const full = revision ? `${version}-${revision}` : version;
	const file = join(
		output,
		`${name}_${full}_${architectures[architecture]}.deb`,
	);
	execFileSync(
		"dpkg-deb",
		[
			...["--root-owner-group", "-Zxz", `-z${preset}`, "--threads-max=1"],
			...["--build", tree, file],
		],
		{
			stdio: ["ignore", "ignore", "inherit"],
			env: { ...process.env, SOURCE_DATE_EPOCH: String(seconds) },
		},
	);
	return file;
}

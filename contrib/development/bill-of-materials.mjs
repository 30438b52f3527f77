// Writes the list of the package's components: happo-agent.cdx.json (CycloneDX 1.6) for
// scanners, and THIRD-PARTY-LICENSES. A scanner of an installation cannot see the
// bundled packages by itself: bundles do not name them, and they are development
// dependencies.
//
// `npm sbom` knows no bundles, is missing in Debian 12's npm, and stamps each run with a
// time and a random number. Here the same sources give the same bytes.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const json = (path) => JSON.parse(readFileSync(path, "utf8"));

/** The directory of a bundled file's package; undefined for our own sources. */
const packageOf = (input) =>
	/^.*\bnode_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(input)?.[0];

/** The directories of the packages with bytes in a bundle, from esbuild's metafiles. */
export function bundledPackages(metafiles) {
	const found = new Set();
	for (const { outputs } of metafiles)
		for (const { inputs } of Object.values(outputs))
			for (const [input, { bytesInOutput }] of Object.entries(inputs)) {
				const directory = packageOf(input);
				if (directory && bytesInOutput > 0) found.add(directory);
			}
	return found;
}

/** The directory in the lock file where Node finds package `name` from `directory`. */
function resolved(lock, directory, name) {
	for (let from = directory; ; ) {
		const candidate = join(from, "node_modules", name);
		if (lock[candidate]) return candidate;
		if (from === "") return undefined;
		const parent = from.lastIndexOf("node_modules/");
		from = parent <= 0 ? "" : from.slice(0, parent - 1);
	}
}

/** The directories of our dependencies and their dependencies, which npm installs with our package. */
function installedPackages(lock, dependencies) {
	const found = new Set();
	const visit = (directory, names) => {
		for (const name of names) {
			const dependency = resolved(lock, directory, name);
			if (!dependency || found.has(dependency)) continue;
			found.add(dependency);
			visit(dependency, Object.keys(lock[dependency].dependencies ?? {}));
		}
	};
	visit("", Object.keys(dependencies));
	return found;
}

const nameOf = (directory) =>
	directory.slice(
		directory.lastIndexOf("node_modules/") + "node_modules/".length,
	);

/** A package URL: https://github.com/package-url/purl-spec */
const purl = (name, version) =>
	`pkg:npm/${name.replace(/^@/, "%40")}@${encodeURIComponent(version)}`;

const licences = (licence) =>
	/^[\w.+-]+$/.test(licence)
		? [{ license: { id: licence } }]
		: [{ expression: licence }];

/** npm's integrity in CycloneDX's form. */
const hashes = (integrity) => {
	const [, base64] = /^sha512-(\S+)$/.exec(integrity ?? "") ?? [];
	return base64
		? [
				{
					alg: "SHA-512",
					content: Buffer.from(base64, "base64").toString("hex"),
				},
			]
		: undefined;
};

const licenceFile = /^(?:licen[cs]e|copying|notice)\b/i;

/** The licence texts from a package's own files. */
function licenceText(directory) {
	const files = readdirSync(directory)
		.filter((name) => licenceFile.test(name))
		.sort();
	if (files.length > 0)
		return files
			.map((name) =>
				readFileSync(join(directory, name), "utf8")
					.replaceAll("\r\n", "\n")
					.trim(),
			)
			.join("\n\n");
	const { license, author } = json(join(directory, "package.json"));
	const by = typeof author === "object" ? author.name : author;
	return `The package has no licence file; its package.json says ${license}${by ? `, by ${by}` : ""}.`;
}

const byText = (one, other) => (one < other ? -1 : one > other ? 1 : 0);

/**
 * Writes both files into `directory`, from the metafiles of all bundles in it,
 * package.json and package-lock.json. Throws if a package has no licence.
 */
export function writeBillOfMaterials(directory, metafiles) {
	const manifest = json("package.json");
	const lock = json("package-lock.json").packages;
	const bundled = bundledPackages(metafiles);
	const installed = installedPackages(lock, manifest.dependencies);

	const parts = [...new Set([...bundled, ...installed])].map((path) => {
		const name = nameOf(path);
		const entry = lock[path];
		if (!entry) throw new Error(`${path} is not in package-lock.json`);
		if (!entry.license) throw new Error(`${path} has no licence`);
		return { path, name, ref: `${name}@${entry.version}`, ...entry };
	});
	parts.sort((one, other) => byText(one.ref, other.ref));
	const refs = new Map(parts.map(({ path, ref }) => [path, ref]));
	const dependsOn = (path, names) => [
		...new Set(
			names
				.map((name) => refs.get(resolved(lock, path, name)))
				.filter((ref) => ref !== undefined)
				.sort(byText),
		),
	];
	// one version in two directories is one component
	const unique = [...new Map(parts.map((part) => [part.ref, part])).values()];
	const delivery = ({ ref }) => [
		...(parts.some((part) => part.ref === ref && bundled.has(part.path))
			? [{ name: "happo-agent:delivery", value: "bundled" }]
			: []),
		...(parts.some((part) => part.ref === ref && installed.has(part.path))
			? [{ name: "happo-agent:delivery", value: "installed" }]
			: []),
	];

	const self = `${manifest.name}@${manifest.version}`;
	const bom = {
		$schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
		bomFormat: "CycloneDX",
		specVersion: "1.6",
		version: 1,
		metadata: {
			lifecycles: [{ phase: "build" }],
			component: {
				type: "application",
				"bom-ref": self,
				name: manifest.name,
				version: manifest.version,
				description: manifest.description,
				licenses: licences(manifest.license),
				purl: purl(manifest.name, manifest.version),
			},
		},
		components: unique.map((part) => ({
			type: "library",
			"bom-ref": part.ref,
			name: part.name,
			version: part.version,
			scope: "required",
			hashes: hashes(part.integrity),
			licenses: licences(part.license),
			purl: purl(part.name, part.version),
			properties: delivery(part),
		})),
		dependencies: [
			{
				ref: self,
				dependsOn: dependsOn("", [
					...Object.keys(manifest.dependencies),
					...Object.keys(manifest.devDependencies),
				]),
			},
			...unique.map(({ path, ref, dependencies = {} }) => ({
				ref,
				dependsOn: dependsOn(path, Object.keys(dependencies)),
			})),
		],
	};
	writeFileSync(
		join(directory, "happo-agent.cdx.json"),
		`${JSON.stringify(bom, undefined, 2)}\n`,
	);

	const texts = unique.map(
		({ path, name, version, license }) =>
			`${"=".repeat(78)}\n${name} ${version} (${license})\n\n${licenceText(path)}\n`,
	);
	writeFileSync(
		join(directory, "THIRD-PARTY-LICENSES"),
		`${manifest.name} ${manifest.version} consists of its own code (${manifest.license}, see LICENSE) and of the
packages below: their code is in its bundles, or npm installs them with it.

${texts.join("\n")}`,
	);
}

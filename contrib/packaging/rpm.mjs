// Makes an .rpm with rpmbuild.
import { execFileSync } from "node:child_process";
import {
	existsSync,
	mkdirSync,
	readFileSync,
	renameSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { symbolVersions, writeTree } from "./trees.mjs";

const architectures = { x64: "x86_64", arm64: "aarch64" };

/** What provides the symbols of each kind. */
const libraries = {
	GLIBC: "libc.so.6",
	GLIBCXX: "libstdc++.so.6",
	CXXABI: "libstdc++.so.6",
	GCC: "libgcc_s.so.1",
};

const requirements = (tree) =>
	Object.entries(symbolVersions(tree)).map(
		([kind, version]) => `${libraries[kind]}(${kind}_${version})(64bit)`,
	);

/** The line of %files for a file of the package. */
function listed(file) {
	const { path, mode, link, isConfiguration, isFolder, group = "root" } = file;
	if (isFolder) return `%dir ${path}`;
	if (link) return path;
	const attributes = `%attr(0${mode.toString(8)},root,${group})`;
	return `${isConfiguration ? "%config(noreplace) " : ""}${attributes} ${path}`;
}

/** Folders that only our packages have. */
const folders = (files) =>
	[
		...new Set(
			files.flatMap(({ path }) => {
				const [found] =
					/^\/(?:usr\/lib\/happo|usr\/share\/happo-(?:agent|collector)|usr\/share\/doc\/happo-[a-z]+)(?=\/)/.exec(
						path,
					) ?? [];
				if (!found) return [];
				const rest = path
					.slice(found.length + 1)
					.split("/")
					.slice(0, -1);
				return [
					found,
					...rest.map(
						(_, index) => `${found}/${rest.slice(0, index + 1).join("/")}`,
					),
				];
			}),
		),
	].sort();

function scriptlets(name) {
	return ["pre", "post", "preun", "postun"]
		.map((kind) => {
			const from = join("contrib/packaging/scripts", `${name}.rpm-${kind}`);
			if (!existsSync(from)) return "";
			// the first line names the shell, which is rpm's own anyway
			const text = readFileSync(from, "utf8").replace(/^#!.*\n/, "");
			return `%${kind}\n${text.replaceAll("%", "%%")}\n`;
		})
		.join("");
}

function spec(parts, { tree, seconds, preset }) {
	const { name, version, revision = 1, summary, description, files } = parts;
	const requires = [
		...parts.depends.map(({ name, from }) => `${name} >= ${from}`),
		...requirements(tree),
	];
	return `%define debug_package %{nil}
%define __os_install_post %{nil}
%define _build_id_links none
%define _buildhost packages.invalid
%define _binary_payload w${preset}.xzdio
%define clamp_mtime_to_source_date_epoch 1
%define use_source_date_epoch_as_buildtime 1
%define source_date_epoch_from_changelog 0

Name: ${name}
Version: ${version}
Release: ${revision}
Summary: ${summary}
License: ${name === "happo-node" ? "MIT" : "Apache-2.0"}
AutoReqProv: no
${requires.map((entry) => `Requires: ${entry}\n`).join("")}${
	name === "happo-node"
		? ""
		: "Requires(pre): /usr/sbin/groupadd, /usr/sbin/useradd\nRequires(post): /usr/sbin/update-alternatives\n"
}${(parts.enhances ?? []).map((entry) => `Enhances: ${entry}\n`).join("")}
%description
${description}

%install
cp -a ${tree}/. %{buildroot}/

%files
${folders(files)
	.map((path) => `%dir %attr(0755,root,root) ${path}\n`)
	.join("")}${files.map((file) => `${listed(file)}\n`).join("")}
${scriptlets(name)}
%changelog
* ${new Date(seconds * 1000).toUTCString().replace(/^(\w+), (\d+) (\w+) (\d+).*/, "$1 $3 $2 $4")} happo-agent <happo-agent@packages.invalid> - ${version}-${revision}
- Packaged from a commit; CHANGELOG.md has the changes.
`;
}

/**
 * Writes `<name>-<version>-<release>.<architecture>.rpm` into `output`.
 * @returns its path
 */
export function makeRpm(parts, { work, output, seconds, preset }) {
	const { name, version, revision = 1, architecture } = parts;
	const top = join(work, `${name}-rpm`);
	const tree = join(top, "tree");
	mkdirSync(top, { recursive: true });
	writeTree(parts.files, tree, seconds);
	const file = join(top, `${name}.spec`);
	writeFileSync(file, spec(parts, { tree, seconds, preset }));
	const arch = architectures[architecture];
	execFileSync(
		"rpmbuild",
		[
			...["--quiet", "-bb", `--target=${arch}-linux`],
			...[
				"--define",
				`_topdir ${top}`,
				"--define",
				"_build_name_fmt %%{NAME}.rpm",
			],
			file,
		],
		{
			stdio: ["ignore", "ignore", "inherit"],
			env: { ...process.env, SOURCE_DATE_EPOCH: String(seconds), LC_ALL: "C" },
		},
	);
	const made = join(output, `${name}-${version}-${revision}.${arch}.rpm`);
	renameSync(join(top, "RPMS", `${name}.rpm`), made);
	return made;
}

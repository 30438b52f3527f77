/**
 * Where people install programs of all kinds (docker, node). v1 searches it by default; where a
 * policy decides, none of them is a plugin unless the setting names the directory.
 */
export const sharedDirectory = "/usr/local/bin";

/** Directories of Nagios plugins, in the order in which they are searched by default. */
export const nagiosPluginDirectories: readonly string[] = [
	"/usr/local/hb-agent/bin",
	"/usr/lib64/nagios/plugins",
	"/usr/lib/nagios/plugins",
	"/usr/local/nagios/libexec",
	sharedDirectory,
];

/** Those that an agent with a policy searches by default. */
export const enforcedPluginDirectories: readonly string[] =
	nagiosPluginDirectories.filter((directory) => directory !== sharedDirectory);

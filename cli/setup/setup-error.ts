/** Why setup cannot go on, in one line for people. */
export class SetupError extends Error {
	override name = "SetupError";
}

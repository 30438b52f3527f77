/** A file system that answers looks until a test has it hang. */
export function hangingFiles() {
	let answers = Promise.resolve();
	const asked: string[] = [];
	return {
		/** The files that were looked at. */
		asked,
		look: async (file: string) => {
			asked.push(file);
			await answers;
		},
		/** Looks hang until what this gives is called. */
		hang: () => {
			const { promise, resolve } = withResolvers();
			answers = promise;
			return resolve;
		},
	};
}

function withResolvers() {
	let resolve = () => {};
	const promise = new Promise<void>((settle) => {
		resolve = settle;
	});
	return { promise, resolve };
}

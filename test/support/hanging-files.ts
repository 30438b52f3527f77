/** A file system that answers looks until a test makes it hang. */
export function hangingFiles() {
	let answers = Promise.resolve();
	const asked: string[] = [];
	return {
		/** The files that were checked. */
		asked,
		look: async (file: string) => {
			asked.push(file);
			await answers;
		},
		/** Makes looks hang until the returned function is called. */
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

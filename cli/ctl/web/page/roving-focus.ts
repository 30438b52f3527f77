import { useEffect, useLayoutEffect, useRef } from "preact/hooks";

const steps: Readonly<Record<string, number>> = {
	ArrowDown: 1,
	ArrowUp: -1,
	PageDown: 10,
	PageUp: -10,
	Home: Number.NEGATIVE_INFINITY,
	End: Number.POSITIVE_INFINITY,
};

/**
 * One tab stop for a list of elements with `data-row`: the arrow keys, Page Up and Down, Home and
 * End move within it. The focus stays on its row when the list is sorted again. Give the
 * list the properties `list`, and render after each change of it.
 * @param first the row that gets the focus at first, if there is one
 */
export function useRovingFocus<E extends HTMLElement>(first?: string) {
	const ref = useRef<E>(null);
	/** The row that is the tab stop. */
	const current = useRef(first);
	/** Whether the focus was in the list. */
	const hasFocus = useRef(false);
	/** The first row has not been there yet, and nothing else has got the focus. */
	const isPending = useRef(first !== undefined);
	const rows = () => [
		...(ref.current?.querySelectorAll<HTMLElement>("[data-row]") ?? []),
	];
	const makeStop = (row: HTMLElement | undefined) => {
		for (const old of ref.current?.querySelectorAll(
			'[data-row][tabindex="0"]',
		) ?? [])
			if (old !== row) old.setAttribute("tabindex", "-1");
		row?.setAttribute("tabindex", "0");
	};
	useEffect(() => {
		// whoever clicks elsewhere does not want the focus back
		const onPointerDown = ({ target }: PointerEvent) => {
			if (!ref.current?.contains(target as Node)) hasFocus.current = false;
		};
		addEventListener("pointerdown", onPointerDown);
		return () => removeEventListener("pointerdown", onPointerDown);
	}, []);
	useLayoutEffect(() => {
		const all = rows();
		const row =
			all.find(({ dataset }) => dataset.row === current.current) ?? all[0];
		makeStop(row);
		if (isPending.current && row?.dataset.row === first) row?.focus();
		// moving an element takes the focus away from it
		if (hasFocus.current && document.activeElement === document.body)
			row?.focus({ preventScroll: true });
	});
	return {
		/** Moves the focus to a row. */
		focusRow: (name: string) =>
			rows()
				.find(({ dataset }) => dataset.row === name)
				?.focus(),
		/** Moves the focus to the first row. */
		focusFirst: () => rows()[0]?.focus(),
		/** The properties of the list. */
		list: {
			ref,
			onFocusIn: ({ target }: FocusEvent) => {
				const row = (target as HTMLElement).closest<HTMLElement>("[data-row]");
				hasFocus.current = row !== null;
				isPending.current = false;
				if (!row) return;
				current.current = row.dataset.row;
				makeStop(row);
			},
			onFocusOut: ({ relatedTarget }: FocusEvent) => {
				// nothing takes the focus if the row is moved or the window loses it
				if (relatedTarget !== null) hasFocus.current = false;
			},
			onKeyDown: (event: KeyboardEvent) => {
				const step = steps[event.key];
				const target = event.target as HTMLElement;
				if (step === undefined || target.dataset.row === undefined) return;
				event.preventDefault();
				const all = rows();
				const to = all.indexOf(target) + step;
				all[Math.max(0, Math.min(all.length - 1, to))]?.focus();
			},
		},
	};
}

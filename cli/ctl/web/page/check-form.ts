import { useId, useState } from "preact/hooks";
import {
	callWords,
	needsShell,
	type Slot,
	slotHint,
	wordsOfLine,
} from "./call-words.ts";
import { RunResult, useRun } from "./check-run.ts";
import { html } from "./html.ts";
import { type CheckCall, LineButtons } from "./lines.ts";

/** Field of a call that has no slots, only an option line. */
const optionLine = "options";

interface FieldProps {
	slot: Slot;
	value: string;
	fault: string | undefined;
	onValue(value: string): void;
}

/** A field made from the type of a slot. */
function Field({ slot, value, fault, onValue }: FieldProps) {
	const id = useId();
	const onInput = ({
		currentTarget,
	}: {
		currentTarget: HTMLInputElement | HTMLSelectElement;
	}) => onValue(currentTarget.value);
	const shared = {
		id,
		value,
		onInput,
		"aria-describedby": `${id}-hint`,
		"aria-invalid": fault !== undefined,
		"aria-required": slot.required,
	};
	const isNumber = slot.type === "integer" || slot.type === "port";
	const control = slot.values
		? html`<select ...${shared}>
				<option value="">${slot.default === undefined ? "choose" : `${slot.default} (default)`}</option>
				${slot.values.map((one) => html`<option value=${one}>${one}</option>`)}
			</select>`
		: html`<input
				...${shared}
				type=${slot.secret ? "password" : "text"}
				inputmode=${isNumber ? "numeric" : undefined}
				autocomplete="off"
				spellcheck=${false}
				placeholder=${slot.default ?? ""}
			/>`;
	return html`<div class="field">
		<label for=${id}>${slot.name}${slot.required && html`<span class="muted"> (required)</span>`}</label>
		${control}
		<p id=${`${id}-hint`} class=${fault === undefined ? "hint" : "hint fault"}>
			${fault === undefined ? `${slot.description ? `${slot.description}: ` : ""}${slotHint(slot)}` : `${slot.name} ${fault}`}
		</p>
	</div>`;
}

const lineSlot: Slot = {
	...{ name: optionLine, type: "words, as in a shell", required: false },
	...{ secret: false, several: true },
};

/** Runs a check with values for its slots, or a plugin with an option line, and copies it as a line. */
export function CheckForm({
	plugin,
	slots,
	command,
}: {
	/** The plugin, or the command by whose name the agent finds it. */
	plugin: string;
	/** Undefined: the plugin takes any options. */
	slots: readonly Slot[] | undefined;
	command?: string | undefined;
}) {
	const [values, setValues] = useState<Record<string, string>>({});
	const [faults, setFaults] = useState<ReadonlyMap<string, string>>(new Map());
	const { run, start } = useRun();
	const call = (): CheckCall | undefined => {
		const made = slots
			? callWords(slots, values)
			: lineWords(values[optionLine] ?? "");
		setFaults(made.faults ?? new Map());
		return (
			made.words && { plugin, words: made.words, ...(command && { command }) }
		);
	};
	const hasSecret = (slots ?? []).some(
		({ name, secret }) => secret && (values[name] ?? "") !== "",
	);
	const onSubmit = (event: Event) => {
		event.preventDefault();
		const body = call();
		if (body) void start(body);
	};
	return html`<form class="check-form" onSubmit=${onSubmit} autocomplete="off">
			<div class="fields">
				${(slots ?? [lineSlot]).map(
					(slot) => html`<${Field}
						key=${slot.name}
						slot=${slot}
						value=${values[slot.name] ?? ""}
						fault=${faults.get(slot.name)}
						onValue=${(value: string) => setValues({ ...values, [slot.name]: value })}
					/>`,
				)}
			</div>
			<div class="form-end">
				<button type="submit" class="primary" disabled=${run.phase === "running"}>Run it now</button>
				<${LineButtons} callOf=${call} hasSecret=${hasSecret} />
			</div>
		</form>
		<div aria-live="polite"><${RunResult} run=${run} what=${command ?? plugin} /></div>`;
}

function lineWords(line: string) {
	const words = wordsOfLine(line);
	return words ? { words } : { faults: new Map([[optionLine, needsShell]]) };
}

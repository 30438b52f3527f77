import { type FileHandle, open } from "node:fs/promises";
import { crc32c, maskCrc32c } from "./crc32c.ts";
import { Fields } from "./fields.ts";
import { uncompressSnappy } from "./snappy.ts";

const footerBytes = 48;
const handlesBytes = 40;
const magic = 0xdb4775248b80fb57n;
/** Behind each block: its type, and a masked CRC-32C of block and type. */
const trailerBytes = 5;

/** Read at once, and the most that is summed up without a break: 0.2 ms of work. */
const windowBytes = 65_536;

/** Where a block is, without its trailer. */
interface Handle {
	offset: number;
	size: number;
}

/** What is wrong with a table, and where. */
class TableDamage extends Error {}

/** A table's bytes, read in windows. */
class TableFile {
	readonly #file: FileHandle;
	readonly #window = Buffer.allocUnsafe(windowBytes);
	readonly #breathe: () => Promise<void>;
	readonly size: number;
	#start = 0;
	#length = 0;

	constructor(file: FileHandle, size: number, breathe: () => Promise<void>) {
		this.#file = file;
		this.#breathe = breathe;
		this.size = size;
	}

	/** The bytes from `at` on, in pieces that are valid until the next one is asked for. */
	async *pieces(at: number, count: number): AsyncGenerator<Buffer> {
		const end = at + count;
		for (let from = at; from < end; ) {
			if (from < this.#start || from >= this.#start + this.#length) {
				await this.#breathe();
				this.#start = from;
				this.#length = 0;
				const { bytesRead } = await this.#file.read(
					this.#window,
					0,
					windowBytes,
					from,
				);
				if (bytesRead === 0) throw new TableDamage(`ends at byte ${from}`);
				this.#length = bytesRead;
			}
			const piece = this.#window.subarray(
				from - this.#start,
				Math.min(this.#length, end - this.#start),
			);
			yield piece;
			from += piece.length;
		}
	}

	async bytes(at: number, count: number): Promise<Buffer> {
		const pieces: Buffer[] = [];
		for await (const piece of this.pieces(at, count))
			pieces.push(Buffer.from(piece));
		return Buffer.concat(pieces);
	}
}

function handleOf(fields: Fields): Handle {
	const offset = fields.number();
	return { offset, size: fields.number() };
}

/** Checks a block's checksum; its bytes are not kept. */
async function checkBlock(
	table: TableFile,
	{ offset, size }: Handle,
	what: string,
): Promise<void> {
	const end = offset + size + trailerBytes;
	if (!(end <= table.size - footerBytes))
		throw new TableDamage(`the ${what} block is said to be outside the table`);
	let crc = 0;
	for await (const piece of table.pieces(offset, size + 1))
		crc = crc32c(piece, crc);
	const stored = await table.bytes(end - 4, 4);
	if (maskCrc32c(crc) !== stored.readUInt32LE())
		throw new TableDamage(
			`the checksum of the ${what} block at byte ${offset} is wrong`,
		);
}

/** The handles that a checked block has for values, as the index and the metaindex do. */
async function handlesIn(
	table: TableFile,
	{ offset, size }: Handle,
	what: string,
): Promise<Handle[]> {
	const stored = await table.bytes(offset, size + 1);
	const raw = stored.subarray(0, size);
	try {
		const block = stored[size] === 1 ? uncompressSnappy(raw) : raw;
		// entries, where each restart of the prefixes is, and how many of those
		const restarts = block.readUInt32LE(block.length - 4);
		const entries = new Fields(block).take(block.length - 4 * (restarts + 1));
		const fields = new Fields(entries);
		const handles: Handle[] = [];
		while (fields.left > 0) {
			fields.number();
			const keyBytes = fields.number();
			const valueBytes = fields.number();
			fields.take(keyBytes);
			handles.push(handleOf(new Fields(fields.take(valueBytes))));
		}
		return handles;
	} catch (error) {
		if (!(error instanceof RangeError)) throw error;
		throw new TableDamage(
			`the ${what} block at byte ${offset} cannot be read: ${error.message}`,
		);
	}
}

async function checkTable(table: TableFile): Promise<void> {
	if (table.size < footerBytes)
		throw new TableDamage(`${table.size} bytes are no table`);
	const footer = await table.bytes(table.size - footerBytes, footerBytes);
	const fields = new Fields(footer.subarray(0, handlesBytes));
	let metaindex: Handle;
	let index: Handle;
	try {
		metaindex = handleOf(fields);
		index = handleOf(fields);
	} catch {
		throw new TableDamage("the footer is damaged");
	}
	const padding = fields.take(fields.left);
	if (
		footer.readBigUInt64LE(handlesBytes) !== magic ||
		padding.some((byte) => byte !== 0)
	)
		throw new TableDamage("the footer is damaged");
	await checkBlock(table, index, "index");
	await checkBlock(table, metaindex, "metaindex");
	const data = await handlesIn(table, index, "index");
	const meta = await handlesIn(table, metaindex, "metaindex");
	for (const handle of data) await checkBlock(table, handle, "data");
	for (const handle of meta) await checkBlock(table, handle, "filter");
}

/**
 * Checks every block of one of LevelDB's tables (footer, index, metaindex, filter
 * and data) against its checksum, and calls `breathe` before each 64 KiB that it
 * reads. Throws what `breathe` throws, and the system's error when the file cannot
 * be read.
 * @returns what is damaged, and where; undefined: nothing is
 */
export async function damageOfTable(
	path: string,
	breathe: () => Promise<void>,
): Promise<string | undefined> {
	const file = await open(path);
	try {
		const { size } = await file.stat();
		await checkTable(new TableFile(file, size, breathe));
		return undefined;
	} catch (error) {
		if (error instanceof TableDamage) return error.message;
		throw error;
	} finally {
		await file.close();
	}
}

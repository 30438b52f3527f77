import { type FileHandle, open } from "node:fs/promises";
import { crc32c, Fields, maskCrc32c } from "./level-format.ts";

const footerBytes = 48;
const handlesBytes = 40;
const magic = 0xdb4775248b80fb57n;
/** After each block: its type, then a masked CRC-32C of block and type. */
const trailerBytes = 5;

/** Bytes to read, and to checksum without a pause (0.2 ms of work). */
const windowBytes = 65_536;

/** Position of a block, without its trailer. */
interface Handle {
	offset: number;
	size: number;
}

/** The parts of a table. */
export type TablePart = "footer" | "index" | "metaindex" | "filter" | "data";

/** Damage of one part of a table. */
export interface TableDamage {
	part: TablePart;
	/** What is wrong, with the byte offset. */
	reason: string;
	/** Byte offset of the block's type; undefined if the block's position is not known for sure. */
	typeAt: number | undefined;
}

/** Thrown to stop reading a part. */
class DamagedPart extends Error {
	readonly damage: TableDamage;

	constructor(part: TablePart, reason: string, typeAt?: number) {
		super(reason);
		this.damage = { part, reason, typeAt };
	}
}

/** A table file, read in windows. */
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

	/**
	 * Yields `count` bytes from `at` on, in pieces. Each piece is valid until the next one is
	 * requested.
	 */
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
				if (bytesRead === 0)
					throw new DamagedPart("footer", `ends at byte ${from}`);
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

/** Verifies a block's checksum without keeping its bytes. */
async function checkBlock(
	table: TableFile,
	{ offset, size }: Handle,
	part: TablePart,
): Promise<void> {
	const end = offset + size + trailerBytes;
	if (!(end <= table.size - footerBytes))
		throw new DamagedPart(
			part,
			`the position of the ${part} block is outside the table`,
		);
	let crc = 0;
	for await (const piece of table.pieces(offset, size + 1))
		crc = crc32c(piece, crc);
	const stored = await table.bytes(end - 4, 4);
	if (maskCrc32c(crc) !== stored.readUInt32LE())
		throw new DamagedPart(
			part,
			`the checksum of the ${part} block at byte ${offset} is wrong`,
			offset + size,
		);
}

/** Parses the handles that a verified index or metaindex block has as values. */
async function handlesIn(
	table: TableFile,
	{ offset, size }: Handle,
	part: TablePart,
): Promise<Handle[]> {
	const stored = await table.bytes(offset, size + 1);
	const raw = stored.subarray(0, size);
	try {
		const block = stored[size] === 1 ? uncompressSnappy(raw) : raw;
		// layout: entries, offsets of the restart points, number of restart points
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
		throw new DamagedPart(
			part,
			`the ${part} block at byte ${offset} cannot be read: ${error.message}`,
			offset + size,
		);
	}
}

const footerDamage = "the footer is damaged";

/** Reads the positions of metaindex and index; the remaining bytes should be zeros. */
async function readFooter(
	table: TableFile,
): Promise<{ metaindex: Handle; index: Handle; isPadded: boolean }> {
	if (table.size < footerBytes)
		throw new DamagedPart(
			"footer",
			`${table.size} bytes are too few for a table`,
		);
	const footer = await table.bytes(table.size - footerBytes, footerBytes);
	const fields = new Fields(footer.subarray(0, handlesBytes));
	try {
		const metaindex = handleOf(fields);
		const index = handleOf(fields);
		const padding = fields.take(fields.left);
		if (footer.readBigUInt64LE(handlesBytes) !== magic)
			throw new RangeError("wrong magic number");
		return {
			metaindex,
			index,
			isPadded: padding.every((byte) => byte === 0),
		};
	} catch (error) {
		if (!(error instanceof RangeError)) throw error;
		throw new DamagedPart("footer", footerDamage);
	}
}

/** Yields each damaged part. Blocks that only a damaged index points to are not checked. */
async function* damagedParts(table: TableFile): AsyncGenerator<TableDamage> {
	/** Yields the damage of one part, or of the blocks it points to. */
	async function* of(
		work: () => Promise<Handle[]>,
		part: TablePart,
	): AsyncGenerator<TableDamage> {
		try {
			for (const handle of await work())
				yield* of(async () => {
					await checkBlock(table, handle, part);
					return [];
				}, part);
		} catch (error) {
			if (!(error instanceof DamagedPart)) throw error;
			yield error.damage;
		}
	}
	const pointedTo = (handle: Handle, part: TablePart) => async () => {
		await checkBlock(table, handle, part);
		return handlesIn(table, handle, part);
	};
	try {
		const { metaindex, index, isPadded } = await readFooter(table);
		if (!isPadded)
			yield { part: "footer", reason: footerDamage, typeAt: undefined };
		yield* of(pointedTo(index, "index"), "data");
		// the footer has no checksum: where its position is wrong, an intact block may be there
		const isBeforeIndex =
			metaindex.offset + metaindex.size + trailerBytes === index.offset;
		for await (const damage of of(pointedTo(metaindex, "metaindex"), "filter"))
			yield damage.part === "metaindex" && !isBeforeIndex
				? { ...damage, typeAt: undefined }
				: damage;
	} catch (error) {
		if (!(error instanceof DamagedPart)) throw error;
		yield error.damage;
	}
}

/**
 * Verifies the checksum of every block of a table (footer, index, metaindex, data and filter), and
 * calls `breathe` before each 64 KiB read. Throws what `breathe` throws, and the system's error if
 * the file cannot be read.
 */
export async function* damagesOfTable(
	path: string,
	breathe: () => Promise<void> = async () => {},
): AsyncGenerator<TableDamage> {
	const file = await open(path);
	try {
		const { size } = await file.stat();
		yield* damagedParts(new TableFile(file, size, breathe));
	} finally {
		await file.close();
	}
}

/** The first damage that `damagesOfTable` finds, as text; undefined if there is none. */
export async function damageOfTable(
	path: string,
	breathe: () => Promise<void>,
): Promise<string | undefined> {
	for await (const { reason } of damagesOfTable(path, breathe)) return reason;
	return undefined;
}

/**
 * Makes LevelDB's repair skip the damaged blocks of a closed table. The repair verifies no checksums,
 * and would copy damaged entries into a new table with valid checksums. It needs no blocks besides
 * index and data. Throws the system's error.
 */
export async function disableBlocks(
	path: string,
	damages: readonly TableDamage[],
): Promise<void> {
	const file = await open(path, "r+");
	try {
		// an unknown compression type: LevelDB skips the block
		for (const { typeAt } of damages)
			if (typeAt !== undefined) await file.write(Buffer.of(0xff), 0, 1, typeAt);
		await file.sync();
	} finally {
		await file.close();
	}
}

/** The most that a Snappy element can expand: 64 bytes from 3. */
const maxGrowth = 22;

/** Reads a little-endian number of `count` bytes. */
function littleEndian(from: Fields, count: number): number {
	let value = 0;
	for (let nth = 0; nth < count; nth++) value += from.byte() * 256 ** nth;
	return value;
}

/** Decompresses a block in Snappy's raw format. Throws RangeError if the bytes are malformed. */
export function uncompressSnappy(bytes: Buffer): Buffer {
	const from = new Fields(bytes);
	const length = from.number();
	if (length > bytes.length * maxGrowth)
		throw new RangeError("impossible length");
	const to = Buffer.alloc(length);
	let at = 0;
	while (from.left > 0) {
		const tag = from.byte();
		const kind = tag & 3;
		const high = tag >> 2;
		if (kind === 0) {
			const count = (high < 60 ? high : littleEndian(from, high - 59)) + 1;
			const literal = from.take(count);
			if (at + count > length) throw new RangeError("too long");
			literal.copy(to, at);
			at += count;
			continue;
		}
		const count = kind === 1 ? (high & 7) + 4 : high + 1;
		const offset =
			kind === 1
				? ((tag >> 5) << 8) + from.byte()
				: littleEndian(from, kind === 2 ? 2 : 4);
		if (offset === 0 || offset > at || at + count > length)
			throw new RangeError("copy from outside the output");
		// byte by byte, because source and destination may overlap
		for (const end = at + count; at < end; at++) to[at] = to[at - offset] ?? 0;
	}
	if (at !== length) throw new RangeError("too short");
	return to;
}

// From what was pasted or dropped to posts: {place, id, text, language, fields}.

import { choose, languageOf, plain, textOf } from "./columns.js";
import { delimiterOf, records } from "./delimited.js";

export const MOST_BYTES = 64 * 1024 * 1024;
export const ENCODINGS = [
  "utf-8", "utf-16le", "utf-16be", "gb18030", "big5", "windows-874", "windows-1258", "windows-1252", "windows-1251", "windows-1256",
  "shift_jis", "euc-kr",
];
const LIKELY = { th: "windows-874", vi: "windows-1258", zh: "gb18030" };
const KINDS = { csv: "csv", tsv: "csv", json: "json", jsonl: "json", ndjson: "json", txt: "text", text: "text", md: "text" };
// The page itself writes such a line with word joiners (U+2060), so that it is not broken; who copies it copies them.
const RULE = /^[^\S\n]*(?:-\u2060?){3,}[^\S\n]*$/m;
const BLANK_LINE = /\n(?:[^\S\n]*\n)+/;

// A file that cannot be read; `key` names the text that says why.
export class Unreadable extends Error {
  constructor(key) {
    super(key);
    this.key = key;
  }
}

// Returns the posts in a text. Lines of --- part them; where there is none, empty lines do.
export function split(text, whole = false) {
  const lines = text.replace(/^\ufeff/, "").replace(/\r\n?/g, "\n");
  const pieces = whole ? [lines] : lines.split(RULE.test(lines) ? new RegExp(RULE, "gm") : BLANK_LINE);
  return pieces.map((piece) => piece.trim()).filter((piece) => piece !== "");
}

// Returns posts made of texts alone, named by their number.
export function postsOf(texts) {
  return texts.map((text, place) => ({ place, id: String(place + 1), text, fields: { text } }));
}

// Returns what a file holds: {name, encoding, guessed, text} or {..., columns, rows, refused}.
export async function read(file, language, encoding) {
  const kind = KINDS[file.name.toLowerCase().split(".").pop()] ?? (file.type === "text/plain" ? "text" : undefined);
  if (kind === undefined) throw new Unreadable("file.unreadable");
  if (file.size > MOST_BYTES) throw new Unreadable("file.large");
  const decoded = decode(await file.arrayBuffer(), language, encoding);
  if (decoded.text.includes("\0")) throw new Unreadable("file.unreadable");
  const table = kind === "csv" ? readDelimited(decoded.text) : kind === "json" ? readJson(decoded.text) : {};
  return { name: file.name, ...decoded, ...table };
}

// Returns the posts of a table whose texts are in these columns; rows without a text are left out and counted.
export function postsOfTable(table, columns) {
  const { id, language } = choose(table.columns);
  const rows = table.rows.map((fields, row) => ({ fields, row, text: textOf(fields, columns) }));
  const posts = rows.filter((each) => each.text.trim() !== "").map(({ fields, row, text }, place) => {
    const name = id === undefined ? String(row + 1) : fields[id];
    const known = name !== undefined && name !== null && name !== "";
    return { place, id: known ? plain(name) : null, text, language: languageOf(fields, language), fields };
  });
  return { posts, refused: table.refused + table.rows.length - posts.length };
}

function decode(buffer, language, wanted) {
  const bytes = new Uint8Array(buffer);
  const marks = { "255,254": "utf-16le", "254,255": "utf-16be" };
  const marked = marks[bytes.slice(0, 2).join()];
  const encoding = wanted ?? marked ?? "utf-8";
  try {
    return { text: new TextDecoder(encoding, { fatal: wanted === undefined }).decode(bytes), encoding, guessed: false };
  } catch {
    const likely = LIKELY[language] ?? "windows-1252";
    return { text: new TextDecoder(likely).decode(bytes), encoding: likely, guessed: true };
  }
}

function readDelimited(text) {
  const delimiter = delimiterOf(text);
  const [header = [], ...others] = records(text.replace(/^"?sep=.[^\n]*\n/i, ""), delimiter);
  const whole = others.filter((cells) => cells.length === header.length);
  const rows = whole.map((cells) => Object.fromEntries(header.map((column, index) => [column, cells[index]])));
  return { columns: [...new Set(header)], rows, refused: others.length - whole.length };
}

function readJson(text) {
  const entries = listed(parsed(text)) ?? text.split("\n").filter((line) => line.trim() !== "").map(parsed);
  const rows = entries.map((entry) => (typeof entry === "string" ? { text: entry } : entry));
  const whole = rows.filter((row) => typeof row === "object" && row !== null && !Array.isArray(row));
  return { columns: [...new Set(whole.flatMap(Object.keys))], rows: whole, refused: rows.length - whole.length };
}

// Returns the entries of one JSON value; nothing if it is none, as objects on lines are not.
function listed(value) {
  if (value === undefined) return undefined;
  if (Array.isArray(value)) return value;
  return Array.isArray(value?.items) ? value.items : [value];
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

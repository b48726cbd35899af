// Posts and their verdicts as files, with the names and forms of detector/outputs.py.

import { plain } from "./columns.js";
import { maskText, maskVerdict } from "./masking.js";

const FORMULA = /^(?:[^\S\t\r\n]|[\x1c-\x1f\x85\u200b\ufeff])*[=+\-@\t\r\n＝＋－＠]/;
const NUMBER = /^[+-]?\p{Nd}+(?:[.,]\p{Nd}+)?(?:[eE][+-]?\p{Nd}+)?$/u;
const LONE_SURROGATE = /\p{Surrogate}/gu;
const BEFORE = ["id", "score", "label"];
const BEHIND = ["band", "reason", "language", "note", "windows", "evidence", "indicators", "contacts", "model", "error"];

// Returns posts as JSON, one object a line.
export function jsonLines(posts, { labels, masked }) {
  return rows(posts, labels, masked).map(({ carried, verdict }) => `${JSON.stringify({ ...carried, ...verdict })}\n`).join("");
}

// Returns posts as CSV that a spreadsheet shows as it is: with the mark of UTF-8, and no cell that is run as a formula.
export function csv(posts, { labels, masked }) {
  const found = rows(posts, labels, masked);
  const names = verdictColumns(labels);
  const columns = [...new Set(found.flatMap(({ carried }) => Object.keys(carried)))];
  const all = [...columns, ...names.filter((name) => !columns.includes(name))];
  const lines = found.map(({ carried, verdict }) => {
    const cells = { ...carried, ...flat(verdict, labels) };
    return all.map((name) => quoted(safeCell(cells[name])));
  });
  return `\ufeff${[all.map((name) => quoted(safeCell(name))), ...lines].map((cells) => `${cells.join(",")}\r\n`).join("")}`;
}

export function save(content, name, type) {
  const address = URL.createObjectURL(new Blob([content], { type }));
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  // Not at once: some browsers begin to read it only later.
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

// Returns a value as a cell that no spreadsheet runs.
export function safeCell(value) {
  if (value === undefined || value === null) return "";
  const text = plain(value).replace(LONE_SURROGATE, "\ufffd");
  return FORMULA.test(text) && !NUMBER.test(text) ? `'${text}` : text;
}

function rows(posts, labels, masked) {
  const reserved = new Set([...verdictColumns(labels), "label_scores"]);
  return posts.map((post) => {
    const verdict = { ...(post.verdict ?? unscored(post)), id: post.id };
    if (!masked) return { carried: carry(post, reserved), verdict };
    // Of a file's other columns nobody knows what they hold.
    const text = maskText(post.text, verdict.contacts);
    return { carried: { text }, verdict: maskVerdict(verdict, text) };
  });
}

// Returns the cells of the input under the names that they have in the output, where those of a verdict are taken.
function carry(post, reserved) {
  const taken = new Set(reserved);
  const names = new Map([["id", "id"]]);
  const columns = Object.keys(post.fields);
  // Those that keep their names come first.
  for (const column of [...columns.filter((each) => !taken.has(each)), ...columns.filter((each) => taken.has(each))]) {
    if (names.has(column)) continue;
    let name = column;
    while (taken.has(name)) name = `input_${name}`;
    taken.add(name);
    names.set(column, name);
  }
  return Object.fromEntries(columns.map((column) => [names.get(column), post.fields[column]]));
}

function unscored(post) {
  const empty = { score: null, label: null, label_scores: {}, band: null, reason: null, language: null, note: null, windows: 0 };
  return { id: post.id, ...empty, evidence: [], indicators: [], contacts: [], model: null, error: post.fault ?? "not_scored" };
}

function verdictColumns(labels) {
  return [...BEFORE, ...labels.map((label) => `score_${label}`), ...BEHIND];
}

function flat(verdict, labels) {
  return {
    ...verdict,
    score: rounded(verdict.score),
    ...Object.fromEntries(labels.map((label) => [`score_${label}`, rounded(verdict.label_scores[label])])),
    evidence: verdict.evidence.map(({ text }) => text).join(" | "),
    indicators: verdict.indicators.map(({ code }) => code).join(";"),
    contacts: verdict.contacts.map(({ kind, value }) => `${kind}:${value}`).join(" "),
  };
}

function rounded(value) {
  return typeof value === "number" ? Number(value.toFixed(6)) : value;
}

function quoted(cell) {
  return /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}

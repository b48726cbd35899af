// CSV as in RFC 4180, also with semicolons, tabs or bars between the cells: quoted cells may hold any of these, and line breaks.

import { choose } from "./columns.js";

const DELIMITERS = [",", ";", "\t", "|"];
const SAMPLE = 65536;

// Returns the records of a text, each an array of cells; empty lines are left out.
export function records(text, delimiter, most = Infinity) {
  const found = [];
  let cells = [];
  let place = 0;
  while (place <= text.length && found.length < most) {
    const [cell, end] = cellAt(text, place, delimiter);
    cells.push(cell);
    place = end + 1;
    if (text[end] === delimiter) continue;
    if (text[end] === "\r" && text[end + 1] === "\n") place += 1;
    if (cells.length > 1 || cells[0] !== "") found.push(cells);
    cells = [];
  }
  return found;
}

// Returns the delimiter under which the beginning of a text is most like a table: a header with a known name decides, then how many
// records are as long as the header, then how long it is.
export function delimiterOf(text) {
  const declared = /^"?sep=(.)"?\s*$/i.exec(text.slice(0, 20).split(/\r?\n/, 1)[0]);
  if (declared) return declared[1];
  let best = ",";
  let mark = [0, 0, 0];
  for (const delimiter of DELIMITERS) {
    const found = records(text.slice(0, SAMPLE), delimiter, 200);
    const width = found[0]?.length ?? 0;
    if (width < 2) continue;
    const judged = found.length > 2 ? found.slice(1, -1) : found;
    const whole = judged.filter((cells) => cells.length === width).length / judged.length;
    const other = [Number(choose(found[0]).text.length > 0), whole, width];
    const differs = other.findIndex((value, index) => value !== mark[index]);
    if (differs >= 0 && other[differs] > mark[differs]) [best, mark] = [delimiter, other];
  }
  return best;
}

// Returns the cell that begins at a place, and the place of the sign that ends it.
function cellAt(text, start, delimiter) {
  let cell = "";
  let place = start;
  if (text[start] === '"') {
    for (;;) {
      const quote = text.indexOf('"', place + 1);
      if (quote < 0) return [cell + text.slice(place + 1), text.length];
      cell += text.slice(place + 1, quote);
      place = quote + 1;
      if (text[place] !== '"') break;
      cell += '"';
    }
  }
  let end = place;
  while (end < text.length && text[end] !== delimiter && text[end] !== "\n" && text[end] !== "\r") end += 1;
  return [cell + text.slice(place, end), end];
}

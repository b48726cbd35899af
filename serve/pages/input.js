// The part of the page that takes posts: a box to paste into, and one file at a time.

import { choose } from "./columns.js";
import { at, offer } from "./elements.js";
import { ENCODINGS, MOST_BYTES, Unreadable, postsOf, postsOfTable, read, split } from "./reading.js";
import { text } from "./texts.js";

export const MOST_POSTS = 5000;
const SHOWN = 600;

let file = null;
let holds = null;
let fault = null;
let language = () => "en";
let found = { posts: [], refused: 0 };

// Begins to listen; `spoken` returns the language of the page, in which a file's encoding is guessed.
export function listen(spoken) {
  language = spoken;
  for (const id of ["text", "whole"]) at(id).addEventListener("input", renew);
  at("column").addEventListener("change", renew);
  at("encoding").addEventListener("change", () => open(file, at("encoding").value));
  at("file-close").addEventListener("click", () => {
    close();
    at("text").focus();
  });
  at("file").addEventListener("change", () => {
    const [chosen] = at("file").files;
    // Emptied, so that the same file can be chosen again.
    at("file").value = "";
    if (chosen) open(chosen);
  });
  document.addEventListener("dragover", (event) => drag(event, true));
  document.addEventListener("dragleave", (event) => drag(event, event.relatedTarget !== null));
  document.addEventListener("drop", (event) => {
    drag(event, false);
    const [dropped] = event.dataTransfer.files;
    if (dropped) open(dropped);
  });
}

// Returns the posts to check, at most as many as the page takes.
export function posts() {
  return found.posts.slice(0, MOST_POSTS);
}

// Reads the input anew, and says what is in it.
export function renew() {
  found = current();
  const n = found.posts.length;
  const many = n > MOST_POSTS;
  at("paste").hidden = holds !== null;
  at("chosen").hidden = holds === null;
  at("whole-field").hidden = holds?.columns !== undefined;
  at("found").textContent = n > 0 ? text("input.found", { n }) : "";
  at("refused").textContent = found.refused > 0 ? text("file.refused", { n: found.refused }) : "";
  at("many").hidden = !many;
  at("many").textContent = text("input.many", { n, most: MOST_POSTS });
  at("check").textContent = many ? text("input.check_first", { most: MOST_POSTS }) : text("input.check");
  at("check").disabled = n === 0;
  at("file-fault").textContent = fault === null ? "" : text(fault, { mb: MOST_BYTES / 1024 / 1024 });
  at("preview").hidden = holds === null || n === 0;
  at("first-post").textContent = holds !== null && n > 0 ? Array.from(found.posts[0].text).slice(0, SHOWN).join("") : "";
}

// Puts the words of the language where they are made here.
export function translate() {
  if (holds !== null) offerColumns();
  renew();
}

async function open(chosen, encoding) {
  fault = null;
  try {
    holds = await read(chosen, language(), encoding);
    file = chosen;
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    holds = null;
    fault = error.key;
  }
  if (holds !== null) {
    at("file-name").textContent = holds.name;
    at("encoding-note").hidden = !holds.guessed;
    offer(at("encoding"), ENCODINGS.map((each) => [each, each.toUpperCase()]), holds.encoding);
    offerColumns(guess());
  }
  renew();
}

function close() {
  file = holds = fault = null;
  renew();
}

function current() {
  if (holds === null) return { posts: postsOf(split(at("text").value, at("whole").checked)), refused: 0 };
  if (holds.columns === undefined) return { posts: postsOf(split(holds.text, at("whole").checked)), refused: 0 };
  if (at("column").value === "") return { posts: [], refused: 0 };
  return postsOfTable(holds, at("column").value.split("+").map((place) => holds.columns[Number(place)]));
}

// Columns are offered by their places; the guess may be two, a title and what stands under it.
function offerColumns(chosen = at("column").value) {
  at("column-field").hidden = holds.columns === undefined;
  const places = (holds.columns ?? []).map((name, place) => [String(place), name]);
  const guessed = guess();
  const pair = guessed.includes("+") ? [[guessed, guessed.split("+").map((place) => holds.columns[Number(place)]).join(" + ")]] : [];
  const none = guessed === "" ? [["", text("file.choose")]] : [];
  offer(at("column"), [...none, ...pair, ...places], chosen);
}

function guess() {
  const columns = holds.columns ?? [];
  return choose(columns).text.map((name) => columns.indexOf(name)).join("+");
}

function drag(event, over) {
  if (!event.dataTransfer?.types.includes("Files")) return;
  event.preventDefault();
  document.body.classList.toggle("dropping", over);
}

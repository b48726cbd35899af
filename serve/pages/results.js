// The part of the page that shows posts with their verdicts: counts, filters, pages of the list, and files to save.

import { bandOf, card, signName, tag } from "./cards.js";
import { at, build, offer } from "./elements.js";
import { csv, jsonLines, save } from "./saving.js";
import { languageName, number, text } from "./texts.js";

const BANDS = ["high", "review", "low", "abstain", "unscored"];
const PAGE = 20;

let posts = [];
let labels = [];
let page = 0;
const left = new Set();

export function listen() {
  for (const id of ["sign", "spoken", "order", "masked"]) at(id).addEventListener("change", () => turn(0));
  at("search").addEventListener("input", () => turn(0));
  at("renew").addEventListener("click", () => {
    draw();
    at("results-title").focus();
  });
  at("before").addEventListener("click", () => leaf(-1));
  at("after").addEventListener("click", () => leaf(1));
  at("save-csv").addEventListener("click", () => save(csv(chosen(), form()), "verdicts.csv", "text/csv;charset=utf-8"));
  at("save-jsonl").addEventListener("click", () => save(jsonLines(chosen(), form()), "verdicts.jsonl", "application/x-ndjson"));
}

// Shows other posts, from the first page on and with no filter.
export function show(others) {
  posts = others;
  page = 0;
  left.clear();
  for (const id of ["sign", "spoken", "search"]) at(id).value = "";
  at("results").hidden = false;
  translate();
}

// Says which labels verdicts can have; the columns of a saved table.
export function know(names) {
  labels = names;
}

// Takes in new verdicts. A list that is being read stays as it is until its reader asks for the new one.
export function renew() {
  count();
  const reading = at("list").contains(document.activeElement) || at("list").getBoundingClientRect().top < 0;
  if (reading) at("renew").hidden = false;
  else draw();
}

// Puts the words of the language where they are made here.
export function translate() {
  offer(at("order"), [["score", text("order.score")], ["place", text("order.place")]]);
  at("renew").textContent = text("results.renew");
  count();
  draw();
}

function count() {
  const scored = posts.filter((post) => post.verdict);
  const bands = tally(posts.map(bandOf));
  const focused = document.activeElement?.id;
  const chips = BANDS.filter((band) => bands.has(band) || band !== "unscored").map((band) => chip(band, bands.get(band) ?? 0));
  at("bands").replaceChildren(at("bands").querySelector("legend"), ...chips);
  if (focused?.startsWith("band-")) at(focused)?.focus();
  const codes = tally(scored.flatMap((post) => post.verdict.indicators.map(({ code }) => code)));
  offer(at("sign"), [["", text("filter.any")], ...ranked(codes, signName)]);
  const languages = tally(scored.map((post) => post.verdict.language));
  offer(at("spoken"), [["", text("filter.any")], ...ranked(languages, languageName)]);
}

function chip(band, n) {
  const box = build("input", { type: "checkbox", id: `band-${band}` });
  box.checked = !left.has(band);
  box.addEventListener("change", () => {
    if (box.checked) left.delete(band);
    else left.add(band);
    turn(0);
  });
  return build("label", { class: "chip" }, box, tag(band), " ", build("b", {}, number(n)));
}

function draw() {
  const found = filtered();
  const pages = Math.max(1, Math.ceil(found.length / PAGE));
  page = Math.min(page, pages - 1);
  const masked = at("masked").checked;
  at("list").replaceChildren(...found.slice(page * PAGE, (page + 1) * PAGE).map((post) => card(post, { masked })));
  at("list").start = page * PAGE + 1;
  at("renew").hidden = true;
  at("shown").textContent = text(found.length > 0 ? "results.shown" : "results.none", { n: found.length, all: posts.length });
  at("pages").hidden = pages === 1;
  at("page-number").textContent = text("pages.number", { page: page + 1, pages });
  at("before").disabled = page === 0;
  at("after").disabled = page === pages - 1;
  offer(at("which"), [
    ["shown", text("save.shown", { n: found.length })],
    ["all", text("save.all", { n: posts.length })],
  ]);
}

function filtered() {
  const words = folded(at("search").value.trim());
  const found = posts.filter((post) => fits(post, words));
  const score = (post) => post.verdict?.score ?? -1;
  return at("order").value === "score" ? found.sort((one, other) => score(other) - score(one) || one.place - other.place) : found;
}

function fits(post, words) {
  const { verdict } = post;
  const [code, language] = [at("sign").value, at("spoken").value];
  if (left.has(bandOf(post))) return false;
  if (code !== "" && !verdict?.indicators.some((each) => each.code === code)) return false;
  if (language !== "" && verdict?.language !== language) return false;
  const searched = [post.text, post.id ?? "", ...(verdict?.contacts ?? []).map(({ value }) => value)];
  return words === "" || searched.some((each) => folded(each).includes(words));
}

function turn(to) {
  page = to;
  draw();
}

function leaf(step) {
  turn(page + step);
  at("results-title").focus();
}

function chosen() {
  return at("which").value === "all" ? posts : filtered();
}

function form() {
  return { labels, masked: at("masked").checked };
}

function tally(values) {
  const counts = new Map();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return counts;
}

function ranked(counts, name) {
  return [...counts].sort((one, other) => other[1] - one[1]).map(([value, n]) => [value, `${name(value)} (${number(n)})`]);
}

function folded(words) {
  return words.normalize("NFKC").toLowerCase();
}

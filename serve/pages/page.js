// The review page: what is put in is sent to the service, and what comes back is shown.

import { at, offer } from "./elements.js";
import * as input from "./input.js";
import * as results from "./results.js";
import { KeyWanted, Silent, askModel, hasKey, scorePosts, useKey } from "./service.js";
import { LANGUAGES, languageName, preferred, remember, speak, text } from "./texts.js";

const REDRAWN_MS = 1000;
// Faults of a post that may still get a verdict if it is sent again.
const OPEN = [undefined, "not_answered", "scoring_failed"];

let model = null;
let posts = [];
let running = null;
let said = () => "";
let keyFault = null;
let drawing = null;

await begin();

async function begin() {
  offer(at("language"), Object.entries(LANGUAGES), preferred());
  await speak(at("language").value);
  input.listen(() => at("language").value);
  results.listen();
  at("language").addEventListener("change", changeLanguage);
  at("check").addEventListener("click", start);
  at("stop").addEventListener("click", stop);
  at("resume").addEventListener("click", score);
  at("key-form").addEventListener("submit", takeKey);
  at("key-close").addEventListener("click", closeKey);
  at("key-change").addEventListener("click", () => askKey(null));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    if (running) stop();
    else closeKey();
  });
  translate();
  await meet();
}

// Asks which model is served; it is asked again before the first post if there is no answer now.
async function meet() {
  try {
    model = await askModel({});
    results.know(model.labels);
  } catch (error) {
    if (error instanceof KeyWanted) askKey(error.status);
    else if (!(error instanceof Silent)) throw error;
  }
  translate();
}

async function changeLanguage() {
  remember(at("language").value);
  await speak(at("language").value);
  translate();
}

function translate() {
  input.translate();
  if (posts.length > 0) results.translate();
  at("status").textContent = said();
  at("resume").textContent = text("run.resume", { n: unanswered().length });
  at("key-fault").textContent = keyFault === null ? "" : text(keyFault);
  at("key-change").hidden = !hasKey();
  const languages = model?.languages.map(languageName).join(", ");
  at("model").textContent = model ? text("footer.model", { model: model.model, languages }) : text("footer.silent");
}

async function start() {
  if (running) return;
  posts = input.posts().map((post) => ({ ...post }));
  results.show(posts);
  await score();
}

async function score() {
  if (running) return;
  running = new AbortController();
  at("run").hidden = false;
  at("stop").hidden = false;
  at("resume").hidden = true;
  at("stop").focus();
  const outcome = await scoreAll(running.signal).finally(() => {
    running = null;
    at("stop").hidden = true;
  });
  at("resume").hidden = unanswered().length === 0;
  progress();
  say(outcome === "run.finished" && unanswered().length > 0 ? "run.left" : outcome);
  at("resume").textContent = text("run.resume", { n: unanswered().length });
  results.renew();
  if (outcome === "run.key") return;
  if (document.activeElement === document.body || document.activeElement === null) at("results-title").focus();
}

// Scores what has no verdict yet; returns the name of the text that says how it ended.
async function scoreAll(signal) {
  const waiting = (seconds) => say("run.wait", { seconds });
  progress();
  try {
    model ??= await askModel({ signal, waiting });
    results.know(model.labels);
    await scorePosts(unanswered(), model.limits, { signal, waiting, settle });
  } catch (error) {
    if (signal.aborted) return "run.stopped";
    if (error instanceof KeyWanted) {
      askKey(error.status);
      return "run.key";
    }
    if (error instanceof Silent) return "run.silent";
    throw error;
  }
  return "run.finished";
}

function settle(post, { verdict, fault }) {
  post.verdict = verdict;
  post.fault = fault;
  // The first answer is shown at once. Behind it a second lies between two drawings, which take an old machine its time.
  if (drawing === null) drawing = setTimeout(draw, at("list").querySelector("[data-band]:not([data-band=unscored])") ? REDRAWN_MS : 0);
}

function draw() {
  drawing = null;
  if (!running) return;
  progress();
  results.renew();
}

function progress() {
  at("progress").max = posts.length;
  at("progress").value = posts.length - unanswered().length;
  say("run.progress");
}

function say(key, values = {}) {
  said = () => text(key, { done: posts.filter((post) => post.verdict).length, all: posts.length, ...values });
  at("status").textContent = said();
}

function stop() {
  running?.abort();
}

function unanswered() {
  return posts.filter((post) => !post.verdict && OPEN.includes(post.fault));
}

// Opens the part that takes a key; `status` is that of the answer that asked for it.
function askKey(status) {
  keyFault = status === 403 ? "key.other" : status === 401 && hasKey() ? "key.wrong" : null;
  at("key-fault").textContent = keyFault === null ? "" : text(keyFault);
  at("key").hidden = false;
  at("key-value").focus();
}

async function takeKey(event) {
  event.preventDefault();
  const value = at("key-value").value.trim();
  // Nothing else fits into a header.
  if (!/^[\x21-\x7e]+$/.test(value)) {
    keyFault = "key.wrong";
    at("key-fault").textContent = text(keyFault);
    return;
  }
  useKey(value, at("key-keep").checked);
  at("key-value").value = "";
  closeKey();
  await meet();
}

function closeKey() {
  if (at("key").hidden) return;
  at("key").hidden = true;
  keyFault = null;
  at("key-fault").textContent = "";
  (at("resume").checkVisibility() ? at("resume") : at("text").checkVisibility() ? at("text") : at("check")).focus();
}

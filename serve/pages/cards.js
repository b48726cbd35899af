// One post with its verdict, as a person reads it.

import { bar, build, shape } from "./elements.js";
import { mark, writable } from "./marking.js";
import { maskText, maskVerdict } from "./masking.js";
import { has, languageName, number, text } from "./texts.js";

const POINTING_AWAY = new Set(["upfront_fee", "home_tasks", "verifiable_employer", "warning_or_report"]);
const PLATFORMS = {
  telegram: "Telegram", whatsapp: "WhatsApp", line: "LINE", zalo: "Zalo", kakaotalk: "KakaoTalk", wechat: "WeChat", viber: "Viber",
  facebook: "Facebook",
};

export function bandOf(post) {
  return post.verdict?.band ?? "unscored";
}

// Returns the entry of a post in the list.
export function card(post, { masked, whole = false }) {
  const shown = masked ? maskText(post.text, post.verdict?.contacts ?? []) : post.text;
  const verdict = post.verdict && masked ? maskVerdict(post.verdict, shown) : post.verdict;
  const name = `post-${post.place}`;
  const article = build("article", { "aria-labelledby": name, "data-band": bandOf(post) });
  article.append(head(post, name), ...(verdict ? explained(verdict) : [build("p", { class: "meta" }, faultOf(post))]));
  const marked = mark(shown, verdict?.evidence ?? [], (verdict?.indicators ?? []).map((each) => each.evidence), whole);
  article.append(quote(marked, verdict));
  if (marked.before + marked.after > 0) article.append(moreButton(post, masked));
  if (verdict) article.append(...signs(verdict), ...contacts(verdict));
  return build("li", {}, article);
}

export function tag(band) {
  return build("span", { class: `tag is-${band}` }, shape(band), text(`band.${band}`));
}

export function signName(code) {
  return has(`sign.${code}`) ? text(`sign.${code}`) : code;
}

function head(post, name) {
  const band = bandOf(post);
  const line = build("div", { class: "head" }, tag(band));
  if (post.verdict) {
    const { score } = post.verdict;
    line.append(build("span", { class: `is-${band}` }, bar(score)));
    line.append(build("span", { class: "score" }, text("card.score", { score: number(score, 3) })));
  }
  const title = post.id ?? number(post.place + 1);
  line.append(build("h3", { id: name }, `${text("card.post")} `, build("bdi", {}, writable(title))));
  return line;
}

// Returns what is to be known of a verdict before the post is read.
function explained(verdict) {
  const spoken = build("p", { class: "meta" }, text("card.language", { language: languageName(verdict.language) }));
  if (verdict.band === "abstain") {
    // Its likeliest label says as little as its score.
    return [spoken, build("p", { class: "note" }, text("abstain.meaning"), " ", text(`abstain.${verdict.reason}`))];
  }
  const label = build("strong", {}, text(`label.${verdict.label}`));
  const meaning = build("p", { class: "meta" }, label, text("card.colon"), text(`label.${verdict.label}.meaning`));
  return verdict.note === null ? [meaning, spoken] : [meaning, spoken, build("p", { class: "note" }, untested(verdict.language))];
}

function untested(language) {
  return language === "und" ? text("card.unidentified") : text("card.untested", { language: languageName(language) });
}

function quote(marked, verdict) {
  const spoken = verdict && verdict.language !== "und" ? verdict.language : undefined;
  const block = build("blockquote", { dir: "auto", lang: spoken, tabindex: "-1" });
  if (marked.before) block.append(build("span", { class: "cut" }, text("card.before", { n: marked.before })), " ");
  for (const piece of marked.pieces) block.append(...shownPiece(piece));
  if (marked.after) block.append(" ", build("span", { class: "cut" }, text("card.after", { n: marked.after })));
  return block;
}

function shownPiece({ text: words, headline, signs: carried, ending }) {
  if (!headline && carried.length === 0) return [words];
  const kinds = [headline ? "lead-words" : "", carried.length > 0 ? "sign" : ""].filter((kind) => kind !== "");
  const numbers = ending.map((place) => {
    const [before, behind] = text("card.sign_number").split("#");
    const hidden = (part) => build("span", { class: "hidden" }, part);
    return build("sup", {}, hidden(before), String(place + 1), hidden(behind));
  });
  return [build("mark", { class: kinds.join(" ") }, words), ...numbers];
}

function moreButton(post, masked) {
  const button = build("button", { type: "button", class: "link" }, text("card.whole"));
  button.addEventListener("click", () => {
    const whole = card(post, { masked, whole: true });
    button.closest("li").replaceWith(whole);
    whole.querySelector("blockquote").focus();
  });
  return button;
}

function signs(verdict) {
  if (verdict.band === "abstain") return [];
  if (verdict.indicators.length === 0) return [build("p", { class: "meta" }, text("card.no_signs"))];
  return [build("ol", { class: "signs" }, ...verdict.indicators.map(sign))];
}

function sign({ code, evidence }) {
  const entry = build("li", {}, build("strong", {}, signName(code)), text("card.colon"));
  if (has(`sign.${code}.meaning`)) entry.append(text(`sign.${code}.meaning`));
  if (POINTING_AWAY.has(code)) entry.append(" ", build("span", { class: "away" }, text("card.away")));
  if (evidence.length > 0) {
    entry.append(" ", text("card.quoted"), " ");
    evidence.forEach((piece, place) => entry.append(place > 0 ? " · “" : "“", build("bdi", {}, writable(piece.text)), "”"));
  }
  return entry;
}

function contacts(verdict) {
  if (verdict.contacts.length === 0) return [];
  const line = build("p", { class: "meta" }, `${text("card.contacts")} `);
  verdict.contacts.forEach(({ kind, value }, place) => {
    line.append(place > 0 ? ", " : "", `${PLATFORMS[kind] ?? kindOf(kind)} `, build("bdi", {}, writable(value)));
  });
  return [line];
}

function kindOf(kind) {
  return has(`contact.${kind}`) ? text(`contact.${kind}`) : kind;
}

function faultOf({ fault }) {
  const key = `fault.${fault ?? "waiting"}`;
  return has(key) ? text(key) : text("fault.not_answered");
}

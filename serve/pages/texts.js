// The words of the page, in the language of its reader. All of them come from the files texts.<language>.json.

export const LANGUAGES = { en: "English", id: "Bahasa Indonesia", th: "ไทย", vi: "Tiếng Việt", zh: "中文" };
const TAGS = { zh: "zh-Hans" };
const CHOSEN = "scam-detector.language";

let words = {};
let tag = "en";

// Returns the language to begin with: the one chosen before, or the first of the browser's that the page has.
export function preferred(wanted = navigator.languages) {
  const known = [chosen(), ...wanted].map((each) => String(each).toLowerCase().split("-")[0]);
  return known.find((each) => Object.hasOwn(LANGUAGES, each)) ?? "en";
}

// Fetches the words of a language and puts them where the page names them.
export async function speak(language) {
  const answer = await fetch(new URL(`texts.${language}.json`, import.meta.url));
  words = await answer.json();
  tag = TAGS[language] ?? language;
  document.documentElement.lang = tag;
  document.title = text("title");
  for (const element of document.querySelectorAll("[data-text]")) element.textContent = text(element.dataset.text);
  for (const element of document.querySelectorAll("[data-label]")) element.setAttribute("aria-label", text(element.dataset.label));
}

export function remember(language) {
  try {
    localStorage.setItem(CHOSEN, language);
  } catch {
    // Forbidden in some browsers; the choice then lasts as long as the page.
  }
}

// Returns a text with its {places} filled in; numbers as the language writes them.
export function text(key, values = {}) {
  if (!Object.hasOwn(words, key)) throw new Error(`no text '${key}' in the language '${tag}'`);
  return words[key].replace(/\{(\w+)\}/g, (_, name) => (typeof values[name] === "number" ? number(values[name]) : values[name]));
}

export function has(key) {
  return Object.hasOwn(words, key);
}

export function number(value, digits = 0) {
  return new Intl.NumberFormat(tag, { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value);
}

// Returns the name of a post's language in that of the page; the code itself where nobody knows a name.
export function languageName(code) {
  if (!code || code === "und" || code === "zxx") return text("language.unknown");
  try {
    return new Intl.DisplayNames([tag], { type: "language" }).of(code) ?? code;
  } catch {
    return code;
  }
}

function chosen() {
  try {
    return localStorage.getItem(CHOSEN);
  } catch {
    return null;
  }
}

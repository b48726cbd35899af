// Which columns hold the text, the name and the language of a post; as detector/columns.py has it, for the files of the page.

export const TEXT_NAMES = [
  "text", "post_text", "full_text", "body", "content", "message", "post", "post_content", "message_text",
  "内容", "正文", "文本", "內容", "貼文", "ข้อความ", "เนื้อหา", "nội_dung", "teks", "isi", "konten", "pesan",
];
export const TITLE_NAMES = ["title", "job_title", "subject", "headline", "标题", "標題", "judul", "tajuk", "tiêu_đề"];
export const DETAIL_NAMES = [
  "description", "job_description", "desc", "details", "caption", "selftext", "comment", "tweet", "描述", "deskripsi", "mô_tả",
];
export const ID_NAMES = ["id", "post_id", "postid", "message_id", "item_id", "ad_id", "job_id", "tweet_id", "uuid", "uid", "_id"];
export const LANGUAGE_NAMES = ["language_code", "lang_code", "lang", "language"];

// Returns {text: [column, ...], id, language: [column, ...]}; text is empty where no column has a known name.
export function choose(columns) {
  const known = new Map([...columns].reverse().map((column) => [folded(column), column]));
  const first = (names) => names.filter((name) => known.has(name)).map((name) => known.get(name))[0];
  const whole = first(TEXT_NAMES);
  const parts = [first(TITLE_NAMES), first(DETAIL_NAMES)].filter((column) => column !== undefined);
  return {
    text: whole === undefined ? parts : [whole],
    id: first(ID_NAMES),
    language: LANGUAGE_NAMES.filter((name) => known.has(name)).map((name) => known.get(name)),
  };
}

// Returns a value as text, as detector.columns.plain does: itself, or as JSON.
export function plain(value) {
  return typeof value === "string" ? value : JSON.stringify(value);
}

// Returns the text of a row, or nothing if its cells hold none.
export function textOf(fields, columns) {
  const values = columns.map((column) => fields[column]).filter((value) => value !== undefined && value !== null && value !== "");
  return values.every((value) => typeof value === "string") ? values.join("\n") : "";
}

// Returns the language that a row names by its code, if the browser knows one of that code.
export function languageOf(fields, columns) {
  return columns.map((column) => fields[column]).find(isLanguage);
}

function isLanguage(value) {
  if (typeof value !== "string" || !/^[A-Za-z]{2,3}(-[A-Za-z]{4})?(-[A-Za-z]{2})?$/.test(value) || /^(und|zxx)/i.test(value)) return false;
  const primary = value.split("-")[0].toLowerCase();
  return new Intl.DisplayNames(["en"], { type: "language", fallback: "none" }).of(primary) !== undefined;
}

function folded(column) {
  return column.trim().toLowerCase().replace(/[\s_-]+/g, "_");
}

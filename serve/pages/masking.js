// Contacts and personal numbers hidden on the page and in what is saved of it. The library's own masking (detector/masking.py) knows
// more; this one sees what the service found, and what has the shape of a handle, link, address or long number.

export const HIDDEN = "•";
const SHORTEST_NAME = 3;
const SHAPES = [
  /[\p{L}\p{N}._%+-]+@[\p{L}\p{N}-]+(?:\.[\p{L}\p{N}-]+)+/gu,
  /(?:https?:\/\/|www\.)\S+/giu,
  /(?<![\p{L}\p{N}])(?:[a-z0-9-]+\.)+[a-z]{2,}\/\S+/giu,
  /[@＠]\s?[\p{L}\p{N}_.]{3,}/gu,
];
const NUMBER = /[+(]{0,2}\p{Nd}(?:[ \t\xa0._()\-–—]{0,3}\p{Nd}){6,}/gu;
// Sums and dates stay: pay matters to who reads a post.
const PLAIN = /^(?:[1-9]\d{0,2}(?:[. ]\d{3})*[. ]000|[1-9]\d{0,6}0000|(?:19|20)\d\d[-./]\d{1,2}[-./]\d{1,2}|\d{1,2}[-./]\d{1,2}[-./](?:19|20)\d\d)$/;

// Returns a text with each character of a contact replaced, as many code points long as it was, so that offsets hold.
export function maskText(text, contacts) {
  let masked = text;
  for (const shape of [...SHAPES, ...contacts.map(named).filter((shape) => shape !== null)]) masked = masked.replace(shape, hide);
  return masked.replace(NUMBER, (found) => (PLAIN.test(found) ? found : hide(found)));
}

export function maskContact({ kind }) {
  return { kind, value: HIDDEN.repeat(4) };
}

// Returns a verdict with its evidence from the masked text and its contacts hidden.
export function maskVerdict(verdict, masked) {
  const points = Array.from(masked);
  const again = (found) => found.map((each) => ({ ...each, text: points.slice(each.start, each.end).join("") }));
  const indicators = verdict.indicators.map((each) => ({ ...each, evidence: again(each.evidence) }));
  return { ...verdict, evidence: again(verdict.evidence), indicators, contacts: verdict.contacts.map(maskContact) };
}

// Returns what finds the name of a contact, also with blanks between its letters.
function named({ value }) {
  const name = value.split("/").pop().replace(/^[@~+]+/, "");
  if (name.length < SHORTEST_NAME) return null;
  const letters = Array.from(name, (letter) => letter.replace(/[\\^$.*+?()[\]{}|/-]/, "\\$&"));
  return new RegExp(`(?<![\\p{L}\\p{N}])${letters.join("\\s{0,2}")}(?![\\p{L}\\p{N}])`, "giu");
}

function hide(found) {
  return HIDDEN.repeat(Array.from(found).length);
}

// A post cut into pieces, those that are evidence marked, as detector/report/marking.py does it. Offsets count code points.

const MOST_CHARACTERS = 1200;
const AROUND = 200;
const UNWRITABLE = /[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u2028-\u202e\u2066-\u2069\ufdd0-\ufdef\ufffe\uffff]/gu;

// Returns {pieces: [{text, headline, signs, ending}], before, after}: all of a post, or of a long one the part around its evidence.
export function mark(text, headline, signs, whole = false) {
  const points = Array.from(text);
  const marks = [
    ...headline.map(({ start, end }) => ({ start, end, sign: null })),
    ...signs.flatMap((pieces, sign) => pieces.map(({ start, end }) => ({ start, end, sign }))),
  ].filter(({ start, end }) => start >= 0 && start < end && end <= points.length);
  const [first, last] = whole ? [0, points.length] : shownPart(points.length, Math.min(...marks.map(({ start }) => start), Infinity));
  const within = (place) => place > first && place < last;
  const cuts = [first, ...marks.flatMap(({ start, end }) => [start, end]).filter(within), last];
  const places = [...new Set(cuts)].sort((one, other) => one - other);
  const pieces = places.slice(1).map((end, index) => piece(points, places[index], end, marks));
  return { pieces, before: first, after: points.length - last };
}

// Returns a text with a visible stand-in for each character that would act on what follows, such as marks that turn the direction.
export function writable(text) {
  const standIn = (sign) => (sign < " " ? String.fromCharCode(0x2400 + sign.charCodeAt(0)) : "\ufffd");
  return text.replace(/\r\n?/g, "\n").replace(UNWRITABLE, standIn);
}

function shownPart(length, evidence) {
  if (length <= MOST_CHARACTERS) return [0, length];
  const first = Math.max(Math.min(evidence === Infinity ? 0 : evidence - AROUND, length - MOST_CHARACTERS), 0);
  return [first, first + MOST_CHARACTERS];
}

function piece(points, start, end, marks) {
  const over = marks.filter((each) => each.start <= start && end <= each.end);
  const signs = over.filter((each) => each.sign !== null);
  return {
    text: writable(points.slice(start, end).join("")),
    headline: signs.length < over.length,
    signs: [...new Set(signs.map((each) => each.sign))].sort((one, other) => one - other),
    ending: [...new Set(signs.filter((each) => each.end === end).map((each) => each.sign))].sort((one, other) => one - other),
  };
}

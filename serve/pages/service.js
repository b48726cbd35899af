// The calls to the service: which model it is, and posts scored chunk by chunk, with patience.

const TRIES = 6;
const CHUNK_ITEMS = 64;
const CHUNK_BYTES = 256 * 1024;
const MOST_LOST = 3;
const KEY = "scam-detector.key";

// The service wants a key, or another one; `status` is 401 or 403.
export class KeyWanted extends Error {
  constructor(status) {
    super(`status ${status}`);
    this.status = status;
  }
}

// The service does not answer; what is left can be asked again.
export class Silent extends Error {}

let key = stored();

export function hasKey() {
  return key !== null;
}

// Uses a key from now on; `keep` holds it until the tab is closed, in place of until the page is left.
export function useKey(value, keep) {
  key = value;
  try {
    if (keep) sessionStorage.setItem(KEY, value);
    else sessionStorage.removeItem(KEY);
  } catch {
    // Forbidden in some browsers; the key then lasts as long as the page.
  }
}

// Returns what /v1/model says.
export async function askModel({ signal, waiting }) {
  const answer = await patiently(() => call("v1/model", { signal }), { signal, waiting });
  if (answer === null || !answer.ok) throw new Silent();
  return answer.json();
}

// Scores posts, chunk by chunk, in order; each is handed to `settle` with a verdict or a fault. What fails is asked again in halves, so
// that one post never sinks another.
export async function scorePosts(posts, limits, { signal, settle, waiting }) {
  const queue = chunks(posts, limits, settle);
  let lost = 0;
  while (queue.length > 0) {
    const chunk = queue.shift();
    const answer = await patiently(() => call("v1/score", { body: bodyOf(chunk), signal }), { signal, waiting });
    const results = answer?.ok ? await resultsOf(answer, chunk) : null;
    if (results !== null) {
      lost = 0;
      chunk.forEach((post, place) => settle(post, results[place]));
    } else if (answer !== null && chunk.length > 1) {
      const half = Math.ceil(chunk.length / 2);
      queue.unshift(chunk.slice(0, half), chunk.slice(half));
    } else {
      chunk.forEach((post) => settle(post, { fault: "not_answered" }));
      lost += 1;
      if (lost === MOST_LOST) throw new Silent();
    }
  }
}

// Calls until there is an answer to work with: waits as long as the service asks for, or longer each time where it says nothing.
// Returns null if it never does.
async function patiently(ask, { signal, waiting }) {
  for (let attempt = 0; attempt < TRIES; attempt += 1) {
    const answer = await ask().catch((error) => {
      if (signal?.aborted || error instanceof KeyWanted) throw error;
      return null;
    });
    if (answer !== null && ![408, 429, 503].includes(answer.status)) return answer;
    if (attempt + 1 < TRIES) await pause(retryAfter(answer) ?? 2 ** attempt, signal, waiting);
  }
  return null;
}

async function call(path, { body, signal }) {
  const headers = key === null ? {} : { Authorization: `Bearer ${key}` };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const answer = await fetch(path, { method: body === undefined ? "GET" : "POST", body, headers, signal, cache: "no-store" });
  if (answer.status === 401 || answer.status === 403) throw new KeyWanted(answer.status);
  return answer;
}

async function resultsOf(answer, chunk) {
  const { results } = await answer.json();
  const fit = results.length === chunk.length && chunk.every((post, place) => results[place].id === String(post.place));
  return fit ? results.map(({ result, error }) => (error === null ? { verdict: result } : { fault: error.code })) : null;
}

function chunks(posts, limits, settle) {
  const found = [];
  let bytes = Infinity;
  const most = Math.min(CHUNK_BYTES, limits.body_bytes - 200);
  for (const post of posts) {
    const size = new TextEncoder().encode(JSON.stringify(itemOf(post))).length + 1;
    if (size > limits.body_bytes - 200) {
      settle(post, { fault: "too_long" });
      continue;
    }
    if (bytes + size > most || found.at(-1).length >= Math.min(CHUNK_ITEMS, limits.items)) {
      found.push([]);
      bytes = 0;
    }
    found.at(-1).push(post);
    bytes += size;
  }
  return found;
}

function bodyOf(chunk) {
  return JSON.stringify({ items: chunk.map(itemOf) });
}

// The place names the item on the wire: the posts' own names may be missing, or the same twice.
function itemOf(post) {
  return { id: String(post.place), text: post.text, language: post.language };
}

// Returns the seconds that an answer asks to wait, by number or by date.
function retryAfter(answer) {
  const said = answer?.headers.get("Retry-After");
  if (!said) return null;
  const seconds = /^\d+$/.test(said) ? Number(said) : (Date.parse(said) - Date.now()) / 1000;
  return Number.isFinite(seconds) ? Math.max(1, Math.ceil(seconds)) : null;
}

async function pause(seconds, signal, waiting) {
  const until = performance.now() + seconds * 1000;
  for (let left = seconds; left > 0; left = (until - performance.now()) / 1000) {
    waiting?.(Math.ceil(left));
    await new Promise((done) => setTimeout(done, Math.min(1000, left * 1000)));
    signal?.throwIfAborted();
  }
}

function stored() {
  try {
    return sessionStorage.getItem(KEY);
  } catch {
    return null;
  }
}

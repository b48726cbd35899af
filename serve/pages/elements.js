// Elements of the page: found and made. Text goes in as text only, never as markup.

export const at = (id) => document.getElementById(id);

// Returns a new element; children that are strings become text.
export function build(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== null) element.setAttribute(attribute, value);
  }
  element.append(...children);
  return element;
}

// Returns a drawing of one of the shapes in the page.
export function shape(name) {
  const drawing = draw("svg", { class: "shape", "aria-hidden": "true" });
  drawing.append(draw("use", { href: `#shape-${name}` }));
  return drawing;
}

// Returns a bar that is as full as a share says.
export function bar(share) {
  const drawing = draw("svg", { class: "bar", "aria-hidden": "true" });
  drawing.append(draw("rect", { width: `${(share * 100).toFixed(1)}%`, height: "100%" }));
  return drawing;
}

// Fills a select with [value, text] pairs; what was chosen stays chosen where it is still there.
export function offer(select, pairs, chosen = select.value) {
  select.replaceChildren(...pairs.map(([value, words]) => build("option", { value }, words)));
  select.value = pairs.some(([value]) => value === chosen) ? chosen : pairs[0][0];
}

function draw(name, attributes) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [attribute, value] of Object.entries(attributes)) element.setAttribute(attribute, value);
  return element;
}

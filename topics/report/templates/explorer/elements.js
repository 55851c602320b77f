// Elements of the page. Texts are set as texts, so that no word becomes markup.

const SVG = new Set(["g", "circle", "line", "text", "title"]);

// Return an element with attributes and children; a child is an element or a text.
export function make(name, attributes = {}, ...children) {
  const element = SVG.has(name)
    ? document.createElementNS("http://www.w3.org/2000/svg", name)
    : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "onclick") element.addEventListener("click", value);
    else if (key === "style") element.style.cssText = value;
    else element.setAttribute(key, value);
  }
  element.append(...children);
  return element;
}

// Return the element with an id.
export function get(id) {
  return document.getElementById(id);
}

// Return a word as an element of its own direction of writing.
export function word(text) {
  return make("bdi", {}, text);
}

// Return words as a text that stays in its place in a line, whatever they are written in.
export function list(words) {
  return words.map((each) => `\u2068${each}\u2069`).join(", ");
}

// Return words as elements with commas between them.
export function separated(elements) {
  return elements.flatMap((each, at) => (at ? [", ", each] : [each]));
}

// Return a share as the rest of the page writes it.
export function percent(share) {
  return `${(100 * share).toFixed(share >= 0.1 ? 0 : 1)} %`;
}

// Return a number of words.
export function count(number) {
  return number < 10 ? number.toFixed(1) : Math.round(number).toLocaleString("en");
}

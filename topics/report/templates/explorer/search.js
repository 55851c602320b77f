// The field that finds a word, as the pattern "combobox with a list" of ARIA.

import { search } from "./data.js";
import { get, make, word } from "./elements.js";

const OFFERED = 10;

// Let the field offer words as one types; `choose` is called with a word.
export function offerWords(data, choose) {
  const [field, offers] = [get("word"), get("offers")];
  let active = -1;

  function show(words) {
    active = -1;
    const options = words.map((id, at) => {
      const option = make("li", { id: `offer-${at}`, role: "option", "aria-selected": "false" });
      option.append(word(data.words[id]));
      // Before the field loses the focus, which would close the list.
      option.addEventListener("pointerdown", (event) => event.preventDefault());
      option.addEventListener("click", () => take(id));
      option.dataset.offer = id;
      return option;
    });
    offers.replaceChildren(...options);
    offers.hidden = !options.length;
    field.setAttribute("aria-expanded", options.length > 0);
    field.removeAttribute("aria-activedescendant");
  }

  function take(id) {
    field.value = data.words[id];
    show([]);
    choose(id);
  }

  function mark(to) {
    const options = [...offers.children];
    active = (to + options.length) % options.length;
    for (const [at, option] of options.entries()) {
      option.setAttribute("aria-selected", at === active);
    }
    field.setAttribute("aria-activedescendant", options[active].id);
  }

  field.addEventListener("input", () => {
    const found = search(data, field.value, OFFERED);
    show(found);
    const none = field.value.trim() && !found.length;
    get("none-found").textContent = none
      ? `No such word among the ${data.words.length.toLocaleString("en")} that this page has.`
      : "";
  });
  field.addEventListener("blur", () => show([]));
  field.addEventListener("keydown", (event) => {
    const options = offers.children;
    if (event.isComposing) return; // the key is for the letter that is being composed
    if (event.key === "Escape") show([]);
    else if (!options.length) return;
    else if (event.key === "ArrowDown") mark(active + 1);
    else if (event.key === "ArrowUp") mark(active < 0 ? -1 : active - 1);
    else if (event.key === "Enter") take(Number(options[Math.max(active, 0)].dataset.offer));
    else return;
    event.preventDefault();
  });
}

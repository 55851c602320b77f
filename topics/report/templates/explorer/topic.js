// What is beside the map: the words and the documents of a topic, and what moved.

import { frequency, rank, shareOf } from "./data.js";
import { count, get, make, percent, separated, word } from "./elements.js";

// Return a button for a word; `updatePressed` says whether it is chosen.
function wordButton(data, id, choices) {
  const choose = () => choices.word(id);
  const text = word(data.words[id]);
  return make("button", { type: "button", "data-word": id, onclick: choose }, text);
}

// Return a button that leads to another topic, and then to its words.
function topicButton(topic, choices) {
  const choose = () => {
    choices.topic(topic);
    get("chosen").focus();
  };
  const label = `Topic ${topic.label}`;
  return make("button", { type: "button", "aria-label": label, onclick: choose }, topic.label);
}

// Show all of a topic.
export function showTopic(data, state, choices) {
  const { topic } = state;
  get("chosen").replaceChildren(
    make("span", { class: "badge" }, topic.label),
    " ",
    ...separated(topic.title.map(word)),
  );
  get("chosen-facts").textContent = `${percent(topic.share)} of all words`;
  get("choose-topic").value = data.topics.indexOf(topic);
  showMoved(data, topic, choices);
  showWords(data, state, choices);
  get("documents").tBodies[0].replaceChildren(
    ...topic.documents.map((document) => documentRow(data, document, topic, choices)),
  );
}

// Show the words that are most relevant for the chosen lambda.
export function showWords(data, state, choices) {
  const { topic, lambda } = state;
  const { partner, model } = topic;
  const words = rank(topic, lambda, data.shown).map((entry) => ({
    id: entry.word,
    inTopic: entry.phi * topic.share * model.tokens,
    inCorpus: frequency(entry.word, model),
    inPartner: partner && shareOf(entry.word, partner) * frequency(entry.word, partner.model),
  }));
  const most = Math.max(...words.flatMap((each) => [each.inCorpus, each.inPartner ?? 0]));
  const length = (tokens) => `--share:${(tokens / most).toFixed(4)}`;
  const rows = words.map((each) => {
    const bar = make("div", { class: "both", "aria-hidden": "true" });
    bar.append(make("span", { class: "corpus", style: length(each.inCorpus) }));
    bar.append(make("span", { class: "bar", style: length(each.inTopic) }));
    if (partner) bar.append(make("span", { class: "tick", style: length(each.inPartner) }));
    const numbers = [each.inTopic, each.inCorpus, ...(partner ? [each.inPartner] : [])];
    return make(
      "tr",
      {},
      make("th", { scope: "row", class: "word" }, wordButton(data, each.id, choices)),
      make("td", {}, bar),
      ...numbers.map((number) => make("td", { class: "number" }, count(number))),
    );
  });
  get("words").tBodies[0].replaceChildren(...rows);
  const heads = ["In the topic", "In the corpus", ...(partner ? [`In ${partner.label}`] : [])];
  get("words").tHead.rows[0].replaceChildren(
    make("th", { scope: "col" }, "Word"),
    make("th", { scope: "col", class: "wide" }, "Tokens"),
    ...heads.map((head) => make("th", { scope: "col", class: "number" }, head)),
  );
  get("lambda").value = lambda;
  get("lambda-value").textContent = lambda.toFixed(2);
  updatePressed(state);
}

// Show which buttons are those of the chosen word.
export function updatePressed(state) {
  for (const button of get("explorer").querySelectorAll("[data-word]")) {
    button.setAttribute("aria-pressed", Number(button.dataset.word) === state.word);
  }
}

function documentRow(data, document, topic, choices) {
  const mixture = document.mixture.map(([at, share]) => ({ topic: topic.model.topics[at], share }));
  const bar = make("div", { class: "mixture", "aria-hidden": "true" });
  const parts = [];
  for (const part of mixture) {
    const own = part.topic === topic ? "own" : "";
    bar.append(make("span", { class: own, style: `--share:${part.share}` }));
    parts.push(
      make("span", { class: "part" }, topicButton(part.topic, choices), ` ${percent(part.share)}`),
    );
  }
  const name = make("th", { scope: "row" }, document.number.toLocaleString("en"));
  if (document.title) name.append(" ", make("bdi", { class: "title" }, document.title));
  return make(
    "tr",
    {},
    name,
    make("td", {}, bar, ...parts),
    make(
      "td",
      { class: "words" },
      ...document.words.map((id) => make("span", { class: "part" }, wordButton(data, id, choices))),
    ),
  );
}

// Show how a topic differs from its partner in the other model.
function showMoved(data, topic, choices) {
  const moved = get("moved");
  if (data.models.length < 2) return;
  if (!topic.partner) {
    moved.replaceChildren(make("p", {}, "No topic of the other model is matched with it."));
    return;
  }
  const lists = Object.entries({ Gained: topic.pair.up, Lost: topic.pair.down }).map(
    ([name, words]) => {
      const entries = words.map(([id, change]) => {
        const points = `${change > 0 ? "+" : "−"}${Math.abs(100 * change).toFixed(2)}`;
        return make("span", { class: "part" }, wordButton(data, id, choices), ` ${points}`);
      });
      const told = entries.length ? separated(entries) : ["nothing"];
      return make("p", {}, make("b", {}, name), " from A to B, in percentage points: ", ...told);
    },
  );
  const cosine = topic.pair.cosine.toFixed(3);
  const matched = make("p", {}, "Matched with ", topicButton(topic.partner, choices));
  matched.append(`, cosine ${cosine}.`);
  moved.replaceChildren(matched, ...lists);
}

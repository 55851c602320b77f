// Puts the parts together: what is chosen, and the address that keeps it.

import { load, readAddress, shareOf, writeAddress } from "./data.js";
import { get, list, make, percent, word } from "./elements.js";
import { drawMap, updateMap } from "./map.js";
import { offerWords } from "./search.js";
import { showTopic, showWords, updatePressed } from "./topic.js";

const TOLD = 4; // topics of a word

const data = await load(get("explorer-data").textContent);
const start = { topic: data.topics[0], lambda: data.lambda, word: null };
const state = { ...start, ...readAddress(data, location.hash) };

const choices = {
  topic(topic) {
    state.topic = topic;
    showTopic(data, state, choices);
    updateMap(data, state);
    keep();
  },
  word(id) {
    state.word = id === state.word ? null : id;
    tellWord();
    updatePressed(state);
    updateMap(data, state);
    keep();
  },
};

// Keep the choice in the address. A page in a notebook may have none that can change.
function keep() {
  try {
    history.replaceState(null, "", writeAddress(data, state));
  } catch {
    // The choice holds as long as the page is open.
  }
}

// Say in a line how a word is spread over the topics.
function tellWord() {
  const line = get("told");
  if (state.word === null) {
    line.replaceChildren();
    get("word").value = "";
    return;
  }
  const most = data.topics
    .map((topic) => ({ topic, share: shareOf(state.word, topic) }))
    .filter((each) => each.share > 0)
    .sort((a, b) => b.share - a.share)
    .slice(0, TOLD)
    .map((each) => `${percent(each.share)} in topic ${each.topic.label}`);
  const clear = () => {
    choices.word(state.word);
    get("word").focus();
  };
  line.replaceChildren(
    word(data.words[state.word]),
    `: ${most.join(", ") || "in no topic"}. `,
    make("button", { type: "button", onclick: clear }, "All words again"),
  );
}

function showAll() {
  showTopic(data, state, choices);
  tellWord();
  updateMap(data, state);
}

const options = data.topics.map((topic, at) =>
  make("option", { value: at }, `${topic.label}: ${list(topic.title)} (${percent(topic.share)})`),
);
get("choose-topic").append(...options);
get("choose-topic").addEventListener("change", (event) => {
  choices.topic(data.topics[event.target.value]);
});
get("lambda").addEventListener("input", (event) => {
  state.lambda = Number(event.target.value);
  showWords(data, state, choices);
  keep();
});
window.addEventListener("hashchange", () => {
  const found = readAddress(data, location.hash);
  if (!Object.keys(found).length) return; // a link to another part of the page
  Object.assign(state, start, found);
  showAll();
});
offerWords(data, (id) => {
  if (id !== state.word) choices.word(id);
});
drawMap(data, choices.topic);
showAll();
get("explorer").hidden = false;
performance.mark("explorer");

// The map of the topics, and the table behind it.

import { shareOf } from "./data.js";
import { get, list, make, percent, separated, word } from "./elements.js";

const SIZE = 360;
const MARGIN = 64; // no circle is larger
const CIRCLES = 0.1; // share of the map that all circles of a model have together
const LEAST_RADIUS = 2;
const TOUCHED = 11; // radius that a finger hits
const LABELLED = 6; // least radius of a circle with its number in it

// Draw the map; `choose` is called with a topic.
export function drawMap(data, choose) {
  const map = get("map");
  const place = scale(data.topics);
  const [middleX, middleY] = place({ x: 0, y: 0 });
  map.append(
    make("line", { class: "axis", x1: 0, x2: SIZE, y1: middleY, y2: middleY }),
    make("line", { class: "axis", y1: 0, y2: SIZE, x1: middleX, x2: middleX }),
  );
  for (const topic of data.models[0].topics) {
    if (topic.partner) {
      const [[x1, y1], [x2, y2]] = [place(topic), place(topic.partner)];
      map.append(make("line", { class: "joined", x1, y1, x2, y2 }));
    }
  }
  for (const topic of data.topics) {
    const [x, y] = place(topic);
    topic.disc = make("circle", { class: "disc" });
    topic.tip = make("title");
    topic.mark = make(
      "g",
      {
        class: `topic model-${topic.model.letter}`,
        role: "radio",
        transform: `translate(${x} ${y})`,
        onclick: () => choose(topic),
      },
      topic.tip,
      make("circle", { class: "touched", r: TOUCHED }),
      topic.disc,
      make("text", { dy: "0.35em" }, topic.label),
    );
    map.append(topic.mark);
  }
  map.addEventListener("keydown", (event) => moveByKey(event, data, choose));
  for (const topic of data.topics) {
    topic.cell = make("td", { class: "number" });
    const near = data.topics[topic.nearest[0]];
    const nearest = near ? `${near.label} (${topic.nearest[1].toFixed(3)})` : "–";
    const chooser = make("button", { type: "button", onclick: () => choose(topic) }, topic.label);
    get("map-table").tBodies[0].append(
      make(
        "tr",
        {},
        make("th", { scope: "row" }, chooser),
        make("td", { class: "words" }, ...separated(topic.title.map(word))),
        make("td", { class: "number" }, percent(topic.share)),
        topic.cell,
        make("td", { class: "number" }, nearest),
      ),
    );
  }
}

// Return a function from the coordinates of a topic to those of the picture.
function scale(topics) {
  const [xs, ys] = ["x", "y"].map((axis) => topics.map((topic) => topic[axis]));
  const [left, right, low, high] = [xs, ys].flatMap((all) => [Math.min(...all), Math.max(...all)]);
  const span = Math.max(right - left, high - low);
  const unit = span ? (SIZE - 2 * MARGIN) / span : 0;
  return ({ x, y }) =>
    [SIZE / 2 + (x - (left + right) / 2) * unit, SIZE / 2 - (y - (low + high) / 2) * unit].map(
      (at) => Math.round(10 * at) / 10,
    );
}

function moveByKey(event, { topics }, choose) {
  const at = topics.findIndex((topic) => topic.mark === document.activeElement);
  const to = {
    ArrowRight: at + 1,
    ArrowDown: at + 1,
    ArrowLeft: at - 1,
    ArrowUp: at - 1,
    Home: 0,
    End: -1,
    " ": at,
    Enter: at,
  }[event.key];
  if (to === undefined || at < 0) return;
  event.preventDefault();
  const topic = topics.at(to % topics.length);
  topic.mark.focus();
  choose(topic);
}

// Show on the map what is chosen.
export function updateMap(data, state) {
  const chosen = state.word === null ? null : data.words[state.word];
  for (const topic of data.topics) {
    const share = chosen === null ? topic.share : shareOf(state.word, topic);
    topic.radius = Math.max(LEAST_RADIUS, SIZE * Math.sqrt((share * CIRCLES) / Math.PI));
    const says = `Topic ${topic.label}, ${percent(topic.share)} of all words: ${list(topic.title)}`;
    const more = chosen === null ? "" : `; ${percent(share)} of ${list([chosen])}`;
    const isChosen = topic === state.topic;
    topic.disc.setAttribute("r", topic.radius.toFixed(1));
    topic.tip.textContent = says + more;
    topic.mark.setAttribute("aria-label", says + more);
    topic.mark.setAttribute("aria-checked", isChosen);
    topic.mark.setAttribute("tabindex", isChosen ? 0 : -1);
    topic.mark.classList.toggle("partner", topic === state.topic.partner);
    topic.mark.classList.toggle("small", topic.radius < LABELLED);
    topic.cell.textContent = chosen === null ? "–" : percent(share);
  }
  raiseSmall(data.topics);
  get("map-word").replaceChildren(chosen === null ? "Of the word" : word(chosen));
}

// Draw small circles last, so that they lie above large ones and can be hit.
function raiseSmall(topics) {
  const focused = document.activeElement;
  const marks = topics.toSorted((a, b) => b.radius - a.radius).map((topic) => topic.mark);
  get("map").append(...marks);
  if (marks.includes(focused)) focused.focus({ preventScroll: true });
}

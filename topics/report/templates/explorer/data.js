// The data of the page, and what is computed from it. `topics/report/explorer.py` writes it.

const RESOLUTION = 1e-5; // as in topics/quality/relevance.py
const LEAST = 1e-300;

// Return the numbers of an array: little-endian, deflated, in base64.
async function unpack(text, Numbers) {
  const letters = atob(text);
  const packed = new Uint8Array(letters.length);
  for (let at = 0; at < letters.length; at++) packed[at] = letters.charCodeAt(at);
  const inflated = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Numbers(await new Response(inflated).arrayBuffer());
}

// Return all data: { shown, lambda, words, models, pairs }.
export async function load(text) {
  const data = JSON.parse(text);
  for (const [place, model] of data.models.entries()) {
    model.probabilities = await unpack(model.probabilities, Float64Array);
    model.phi = await unpack(model.phi, Float64Array);
    model.ids = await unpack(model.ids, Uint32Array);
    model.given = await unpack(model.given, Uint16Array);
    let start = 0;
    for (const [at, topic] of model.topics.entries()) {
      Object.assign(topic, { model, at, start, label: `${model.letter}${topic.number}` });
      start = topic.stop;
      topic.title = rank(topic, data.lambda, 3).map((entry) => data.words[entry.word]);
      const pair = data.pairs.find((each) => each.topics[place] === at);
      if (pair) topic.pair = pair;
    }
  }
  const [first, second] = data.models;
  for (const topic of first.topics) {
    if (topic.pair) {
      topic.partner = second.topics[topic.pair.topics[1]];
      topic.partner.partner = topic;
    }
  }
  data.topics = data.models.flatMap((model) => model.topics);
  data.folded = data.words.map(fold);
  return data;
}

// Return the most relevant words of a topic: [{ word, phi }], as `most_relevant` in Python.
export function rank(topic, lambda, number) {
  const { ids, phi, probabilities } = topic.model;
  const found = [];
  for (let at = topic.start; at < topic.stop; at++) {
    const log = Math.log(Math.max(probabilities[ids[at]], LEAST));
    const relevance = Math.log(phi[at]) - log + lambda * log;
    found.push({ word: ids[at], phi: phi[at], key: Math.round(relevance / RESOLUTION) });
  }
  found.sort((a, b) => b.key - a.key || b.phi - a.phi || a.word - b.word);
  return found.slice(0, number);
}

// Return the share of a word's tokens that a topic accounts for.
export function shareOf(word, topic) {
  return topic.model.given[word * topic.model.topics.length + topic.at] / 10000;
}

// Return how often a word occurs in the corpus, by the model.
export function frequency(word, model) {
  return model.probabilities[word] * model.tokens;
}

// Return a text for comparisons. Capitals have one form each where small letters have two: ς and σ.
function fold(text) {
  return text.normalize("NFKC").toUpperCase();
}

// Return words that begin with a text, then those that have it elsewhere; frequent ones first.
export function search(data, text, number) {
  const wanted = fold(text.trim());
  if (!wanted) return [];
  const { probabilities } = data.models[0];
  const found = [];
  for (const [word, folded] of data.folded.entries()) {
    const at = folded.indexOf(wanted);
    if (at >= 0) found.push({ word, order: folded === wanted ? 0 : at ? 2 : 1 });
  }
  found.sort((a, b) => a.order - b.order || probabilities[b.word] - probabilities[a.word]);
  return found.slice(0, number).map((entry) => entry.word);
}

// Return what the address says; what is not in the data is left out.
export function readAddress(data, hash) {
  const given = new URLSearchParams(hash.slice(1));
  const found = {};
  const letter = given.get("model") ?? data.models[0].letter;
  const topic = data.topics.find(
    (each) => each.model.letter === letter && String(each.number) === given.get("topic"),
  );
  if (topic) found.topic = topic;
  const lambda = Number.parseFloat(given.get("lambda"));
  if (lambda >= 0 && lambda <= 1) found.lambda = Math.round(lambda * 100) / 100;
  const word = given.has("word") ? data.words.indexOf(given.get("word")) : -1;
  if (word >= 0) found.word = word;
  return found;
}

// Return the address of a choice, for `readAddress`.
export function writeAddress(data, { topic, lambda, word }) {
  const given = new URLSearchParams();
  if (topic.model.letter) given.set("model", topic.model.letter);
  given.set("topic", topic.number);
  given.set("lambda", lambda);
  if (word !== null) given.set("word", data.words[word]);
  return `#${given}`;
}

// Parts of the document that several sections use. Text is only ever set as text: whatever a pod
// is named, it cannot become markup.

const $ = (id) => document.getElementById(id);

/** Return a new element with children: elements, or texts. */
function make(tag, classes = "", ...children) {
  const element = document.createElement(tag);
  if (classes) element.className = classes;
  element.append(...children);
  return element;
}

/** Set an element's text, if it is another one: what is written is laid out anew. */
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Fill an element, if it would read otherwise than it does. */
function fill(element, children) {
  const news = make("div", "", ...children);
  if (element.textContent !== news.textContent) element.replaceChildren(...news.childNodes);
}

/** Return a list of facts from pairs of a name and a value; without a value there is no fact. */
function facts(pairs) {
  return pairs
    .filter(([, value]) => value !== "" && value !== null)
    .map(([name, value]) => make("div", "", make("dt", "", name), make("dd", "", value)));
}

/** Return a time as text, with its date unless that is today's. Times are in seconds. */
function clock(seconds) {
  const date = new Date(seconds * 1000);
  const two = (number) => String(number).padStart(2, "0");
  const time = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(":");
  if (date.toDateString() === new Date().toDateString()) return time;
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${time}`;
}

/** Return an element with a time. */
function timeAt(seconds) {
  const element = make("time", "", clock(seconds));
  element.dateTime = new Date(seconds * 1000).toISOString();
  return element;
}

/** Return how long ago a time was, by the clock of the agent. */
function ago(seconds) {
  const past = Math.max(0, Math.round(model.status.at - seconds));
  for (const [unit, length] of [["d", 86400], ["h", 3600], ["min", 60]]) {
    if (past >= 2 * length) return `${Math.floor(past / length)} ${unit}`;
  }
  return `${past} s`;
}

/** Return a number of things in words. */
function count(number, thing) {
  return `${number} ${thing}${number === 1 ? "" : "s"}`;
}

/** Return a decision as a line. */
function decisionItem(decision) {
  const refused = Boolean(decision.refusal);
  const item = make(
    "li",
    "decision",
    timeAt(decision.at),
    make("b", refused ? "problem" : "", decision.outcome),
    make("span", "", decision.event),
  );
  if (decision.container) item.append(make("span", "", decision.container));
  const { before, after } = decision;
  if (before !== after) item.append(make("code", "", `${before || "none"} → ${after || "none"}`));
  if (decision.reason) item.append(make("span", refused ? "problem" : "hint", decision.reason));
  for (const notice of decision.notices) item.append(make("span", "hint", notice));
  if (decision.moves.length) {
    const moved = decision.moves.map((move) =>
      make("li", "", `moved ${move.container} `, make("code", "", `${move.before} → ${move.after}`)),
    );
    item.append(make("ul", "", ...moved));
  }
  return item;
}

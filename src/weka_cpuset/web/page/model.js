// What the agent has told, and what follows from it. Nothing here knows the document.

const DECISIONS_MAX = 100; // so many decisions are kept

const model = {
  status: null, // all of the status but the containers
  containers: new Map(), // by id
  owners: new Map(), // cpu -> the containers that own it
  decisions: [], // oldest first
};

const lists = new Map(); // a list's text -> its cpus: all containers on the pool have the same one

/** Return the cpus of a list such as "0,2-3". */
function cpusOf(text) {
  let cpus = lists.get(text);
  if (cpus) return cpus;
  cpus = new Set();
  for (const part of text ? text.split(",") : []) {
    const [first, last = first] = part.split("-").map(Number);
    for (let cpu = first; cpu <= last; cpu++) cpus.add(cpu);
  }
  if (lists.size > 2000) lists.clear();
  lists.set(text, cpus);
  return cpus;
}

/** Take over a whole status. */
function takeStatus(status) {
  const { containers, ...rest } = status;
  if (model.status?.agent.started !== rest.agent.started) model.decisions = [];
  model.status = rest;
  model.containers = new Map(containers.map((one) => [one.id, one]));
  findOwners();
}

/** Take over what has changed since the status or change before. */
function takeChange(change) {
  const { containers, gone, decisions, ...rest } = change;
  Object.assign(model.status, rest);
  for (const id of gone) model.containers.delete(id);
  for (const one of containers) model.containers.set(one.id, one);
  takeDecisions(decisions);
  findOwners();
}

/** Add decisions that are not there yet. */
function takeDecisions(decisions) {
  const known = new Set(model.decisions.map((one) => one.number));
  const news = decisions.filter((one) => !known.has(one.number));
  if (!news.length) return;
  const all = [...model.decisions, ...news].sort((one, other) => one.number - other.number);
  model.decisions = all.slice(-DECISIONS_MAX);
}

/** Tell whether a container has cpus of its own. */
function isOwner(container) {
  return container.class !== "shared" && container.trouble !== "unplaced";
}

function findOwners() {
  model.owners = new Map();
  for (const container of model.containers.values()) {
    if (!isOwner(container)) continue;
    for (const cpu of cpusOf(container.cpus)) {
      if (!model.owners.has(cpu)) model.owners.set(cpu, []);
      model.owners.get(cpu).push(container);
    }
  }
}

/** Return what a cpu is used for: annotated, integer, spare, reserved or pool. */
function useOf(cpu) {
  const owners = model.owners.get(cpu);
  if (owners) return owners.some((one) => one.class === "annotated") ? "annotated" : "integer";
  if (cpusOf(model.status.cpus.spare).has(cpu)) return "spare";
  if (cpusOf(model.status.cpus.reserved).has(cpu)) return "reserved";
  return "pool";
}

/** Return a container's name for people. */
function nameOf(container) {
  return [container.namespace, container.pod, container.name].filter(Boolean).join("/");
}

/** Return the decisions that a container was placed, moved or refused by, the last one first. */
function decisionsAbout(container) {
  const isAbout = (one) =>
    one.id === container.id || one.moves.some((move) => move.id === container.id);
  return model.decisions.filter(isAbout).reverse();
}

/** Return what is wrong with a container; empty if nothing is. */
function troubleOf(container) {
  const words = {
    unplaced: "asks for cpus of its own and runs on the pool",
    degraded: "names cpus that cannot be used now, and runs on the pool",
    starved: "nothing is left of the pool for it",
  };
  return words[container.trouble] ?? container.trouble;
}

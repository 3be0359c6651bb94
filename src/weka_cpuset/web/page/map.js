// The map of the node. It is built once for a machine; after that only cpus that changed are touched.

const cells = new Map(); // cpu -> its button, its place on the machine, and what it shows
const USES = {
  annotated: "annotated",
  integer: "integer",
  pool: "pool",
  spare: "kept free for a burst",
  reserved: "reserved",
};
let drawnMachine = "";

/** Draw the machine, if it is another one. */
function drawMachine() {
  const { machine } = model.status;
  const text = JSON.stringify(machine);
  if (text === drawnMachine) return;
  drawnMachine = text;
  cells.clear();
  const packages = machine.packages.map(packagePart);
  const far = machine.memory_only.map((id) => make("p", "hint", `node ${id}: memory only`));
  $("map").replaceChildren(...packages, ...far);
  const first = cells.values().next().value;
  if (first) first.button.tabIndex = 0;
}

function group(classes, label, ...children) {
  const element = make("div", classes, ...children);
  element.setAttribute("role", "group");
  element.setAttribute("aria-label", label);
  return element;
}

function titled(tag, label, cpus) {
  return make(tag, "", `${label} `, make("code", "hint", cpus));
}

function packagePart(one, number) {
  const label = `package ${number}`;
  const nodes = one.nodes.map((node) => nodePart(node, label));
  return group("package", label, titled("h3", label, one.cpus), ...nodes);
}

function nodePart(one, above) {
  const label = one.ids.length ? `node ${one.ids.join(", ")}` : "no node";
  const place = `${above}, ${label}`;
  const llcs = one.llcs.map((llc, number) => llcPart(llc, number, place));
  return group("node", label, titled("h4", label, one.cpus), make("div", "llcs", ...llcs));
}

function llcPart(one, number, above) {
  const label = `LLC ${number}`;
  const cores = one.cores.map((core) => corePart(core, `${above}, ${label}`));
  return group("llc", label, make("span", "", label), make("div", "cores", ...cores));
}

function corePart(cpus, above) {
  const place = `${above}, core ${cpus}`;
  return make("div", "core", ...[...cpusOf(cpus)].map((cpu) => cpuPart(cpu, place)));
}

function cpuPart(cpu, place) {
  const button = make("button", "cpu", String(cpu));
  button.type = "button";
  button.tabIndex = -1; // one of them all is reached with Tab, the others with arrow keys
  button.dataset.cpu = cpu;
  cells.set(cpu, { button, place, classes: "", label: "" });
  return button;
}

/** Show what cpus are used for, and mark some of them. */
function paintMap(marked, pressed) {
  const used = { annotated: 0, integer: 0, pool: 0, spare: 0, reserved: 0 };
  for (const [cpu, cell] of cells) {
    const use = useOf(cpu);
    used[use] += 1;
    const owners = model.owners.get(cpu) ?? [];
    const more = (owners.length > 1 ? " several" : "") + (marked.has(cpu) ? " marked" : "");
    const classes = `cpu ${use}${more}`;
    if (cell.classes !== classes) cell.button.className = cell.classes = classes;
    const label = [`cpu ${cpu}, ${USES[use]}`, ...owners.map(ownership)].join("; ");
    if (cell.label !== label) cell.button.setAttribute("aria-label", (cell.label = label));
    const state = String(cpu === pressed);
    if (cell.button.ariaPressed !== state) cell.button.ariaPressed = state;
  }
  for (const use of Object.keys(USES)) paintLegend(use, used[use]);
}

function ownership(container) {
  return `${nameOf(container)} since ${clock(container.since)}, ${container.why}`;
}

function paintLegend(use, number) {
  let item = $(`legend-${use}`);
  if (!item) {
    item = make("li", "", make("span", `cpu ${use}`), make("b"), make("span", "", USES[use]));
    item.id = `legend-${use}`;
    $("legend").append(item);
  }
  setText(item.querySelector("b"), String(number));
  item.hidden = number === 0 && (use === "spare" || use === "reserved");
}

/** Return the cpu that a key leads to from another one; undefined if the key leads nowhere. */
function cpuByKey(key, from) {
  const all = [...cells.keys()];
  const at = all.indexOf(from);
  switch (key) {
    case "ArrowRight": return all[at + 1];
    case "ArrowLeft": return all[at - 1];
    case "Home": return all[0];
    case "End": return all.at(-1);
    case "ArrowDown": return nearest(all, from, 1);
    case "ArrowUp": return nearest(all, from, -1);
    default: return undefined;
  }
}

/** Return the cpu that is nearest in the next row below (1) or above (-1). */
function nearest(all, from, direction) {
  const box = (cpu) => cells.get(cpu).button.getBoundingClientRect();
  const here = box(from);
  let best, bestCost = Infinity;
  for (const cpu of all) {
    const there = box(cpu);
    const down = (there.top - here.top) * direction;
    const cost = down * 1000 + Math.abs(there.left - here.left);
    if (down > 1 && cost < bestCost) [best, bestCost] = [cpu, cost];
  }
  return best;
}

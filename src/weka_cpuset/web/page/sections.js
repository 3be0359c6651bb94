// All sections but the map: health, details, containers, decisions.

const ROWS = 200; // so many containers are shown at once, and more when asked for
const rows = new Map(); // a container's id -> its row
let rowsMax = ROWS;

function showHealth() {
  const { health, node, agent, connection, settle, audit, rivals } = model.status;
  document.title = `${node}: ${health.ready ? "ready" : "NOT READY"} - weka-cpuset`;
  setText($("node"), node);
  setText($("ready"), health.ready ? "ready" : "not ready");
  $("ready").className = `badge ${health.ready ? "good" : "problem"}`;
  const problems = health.problems.map((one) =>
    make("li", "problem", make("b", "", one.code), `: ${one.text}`),
  );
  const well = make("li", "good", "All is well.");
  fill($("problems"), problems.length ? problems : [well]);
  const nri = connection.nri && `, NRI ${connection.nri}`;
  const runtime = `${connection.runtime} ${connection.version}${nri}`;
  const connects = `; ${count(connection.connects, "connection")}, ${connection.down_s} s down`;
  const others = Object.entries(rivals).filter(([, times]) => times > 0);
  const pairs = [
    ["Runtime", connection.connected ? runtime : "not connected"],
    ["Since", make("span", "", timeAt(connection.since), connects)],
    ["Settling", `by ${settle.way}: ${settle.settled} done, ${settle.failed} failed`],
    ["Audit", `${count(audit.looks, "look")}, ${audit.found} wrong in the last one`],
    ["Overlap", audit.overlaps ? `${audit.overlap_s} s, ${count(audit.overlaps, "time")}` : ""],
    ["Rivals", others.map(([who, times]) => `${who}: ${times}`).join(", ")],
    ["Agent", make("span", "", `${agent.version}, started `, timeAt(agent.started))],
    ["Dry run", agent.dry_run ? "nothing is changed; this is what would be" : ""],
  ];
  fill($("facts"), facts(pairs));
}

/** Show what is chosen: a cpu, a container, or nothing. */
function showDetails(chosen, kept) {
  const section = $("details");
  section.classList.toggle("kept", kept);
  $("details-close").hidden = !kept;
  const container = model.containers.get(chosen.container);
  const cell = cells.get(chosen.cpu);
  $("details-list").hidden = !(kept && cell);
  if (container) {
    setText($("details-title"), "Container");
    fill($("details-body"), containerDetails(container));
  } else if (cell) {
    setText($("details-title"), `cpu ${chosen.cpu}`);
    fill($("details-body"), cpuDetails(chosen.cpu, cell.place));
  } else {
    setText($("details-title"), "Details");
    const gone = chosen.container && "The container has ended.";
    fill($("details-body"), [make("p", "hint", gone || "Choose a cpu or a container.")]);
  }
}

function cpuDetails(cpu, place) {
  const owners = model.owners.get(cpu) ?? [];
  const parts = [make("p", "hint", place)];
  for (const owner of owners) parts.push(...containerDetails(owner));
  if (owners.length) return parts;
  const onIt = [...model.containers.values()].filter((one) => cpusOf(one.cpus).has(cpu));
  const use = { spare: ", kept free for a burst", reserved: ", reserved" }[useOf(cpu)] ?? "";
  parts.push(make("p", "", `In the pool${use}. ${count(onIt.length, "container")} may run on it.`));
  return parts;
}

function containerDetails(one) {
  const pairs = [
    ["Class", one.class],
    ["Why", one.why],
    ["Cpus", make("span", "", make("code", "", one.cpus || "none"), toldOf(one))],
    ["Since", make("span", "", timeAt(one.since), `, ${ago(one.since)} ago`)],
    ["Memory", one.mems && `nodes ${one.mems}`],
    ["Forbidden", one.forbidden && `cpus ${one.forbidden}`],
    ["Phase", one.phase],
    ["Id", make("code", "", one.id.slice(0, 12))],
  ];
  const parts = [make("h3", "", nameOf(one)), make("dl", "facts", ...facts(pairs))];
  const trouble = troubleOf(one);
  if (trouble) parts.splice(1, 0, make("p", "problem", trouble));
  const about = decisionsAbout(one).slice(0, 3).map(decisionItem);
  if (about.length) parts.push(make("ul", "", ...about));
  return parts;
}

function toldOf(one) {
  return one.due ? " still to be told" : "";
}

/** Show the containers that the filters let through. */
function showContainers(pressed) {
  const found = [...model.containers.values()].filter(filter()).sort(inOrder);
  const shown = found.slice(0, rowsMax);
  const all = model.containers.size;
  const part = shown.length < found.length ? `, the first ${shown.length} shown` : "";
  setText($("containers-count"), `${found.length} of ${count(all, "container")}${part}`);
  $("containers-more").hidden = shown.length === found.length;
  const ids = new Set(shown.map((one) => one.id));
  for (const [id, row] of rows) {
    if (ids.has(id)) continue;
    row.remove();
    rows.delete(id);
  }
  let next = $("containers").firstElementChild;
  for (const one of shown) {
    const row = rowOf(one);
    if (row === next) next = row.nextElementSibling;
    else $("containers").insertBefore(row, next);
    paintRow(row, one, one.id === pressed);
  }
}

function filter() {
  const name = $("filter-name").value.toLowerCase();
  const kind = $("filter-class").value;
  const cpu = $("filter-cpu").value;
  const troubled = $("filter-trouble").checked;
  return (one) =>
    (!kind || one.class === kind) &&
    (!cpu || cpusOf(one.cpus).has(Number(cpu))) &&
    (!troubled || troubleOf(one)) &&
    (!name || nameOf(one).toLowerCase().includes(name));
}

/** Those with cpus of their own first, then by name. */
function inOrder(one, other) {
  const [first, second] = [one, other].map((it) => `${it.class} ${nameOf(it)} ${it.id}`);
  return first < second ? -1 : 1; // annotated, integer, shared: as the alphabet has it
}

function rowOf(one) {
  let row = rows.get(one.id);
  if (row) return row;
  const name = make("button", "name");
  name.type = "button";
  name.dataset.container = one.id;
  row = make("tr", "",
    make("td", "", name, make("div", "problem")), make("td", "", make("span")),
    make("td", "", make("code", "clip"), make("span", "hint")), make("td", "wide", make("time")), make("td", "wide"),
  );
  rows.set(one.id, row);
  return row;
}

function paintRow(row, one, pressed) {
  const [name, kind, cpus, since, why] = row.cells;
  const button = name.firstChild;
  if (button.ariaPressed !== String(pressed)) button.ariaPressed = String(pressed);
  if (row.shows === one) return;
  row.shows = one;
  setText(button, nameOf(one));
  setText(name.lastChild, troubleOf(one));
  setText(kind.firstChild, one.class);
  kind.firstChild.className = `class ${one.class}`;
  setText(cpus.firstChild, one.cpus || "none");
  setText(cpus.lastChild, toldOf(one));
  setText(since.firstChild, clock(one.since));
  since.firstChild.dateTime = new Date(one.since * 1000).toISOString();
  setText(why, one.why);
}

/** Show new decisions above those that are shown already. */
function showDecisions() {
  const list = $("decisions");
  const wanted = new Set(model.decisions);
  for (const item of [...list.children]) if (!wanted.has(item.shows)) item.remove();
  let next = list.firstElementChild;
  for (const decision of [...model.decisions].reverse()) {
    if (next?.shows === decision) {
      next = next.nextElementSibling;
      continue;
    }
    const item = decisionItem(decision);
    item.shows = decision;
    list.insertBefore(item, next);
  }
  $("decisions-none").hidden = model.decisions.length > 0;
}

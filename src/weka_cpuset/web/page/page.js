// Follows the agent, and shows what it tells: at most once for each picture the screen shows.

const AGAIN_MS = 5000; // a browser that has given up is told to try again after so long
const NOTHING = {};
let chosen = NOTHING; // what was clicked: {cpu} or {container}
let peeked = NOTHING; // what the pointer or the keyboard is at
let scheduled = false;

/** Show the model before the screen's next picture. */
function schedule() {
  if (scheduled || !model.status) return;
  scheduled = true;
  requestAnimationFrame(() => {
    scheduled = false;
    const seen = peeked === NOTHING ? chosen : peeked;
    drawMachine();
    paintMap(cpusToMark(seen), chosen.cpu);
    showHealth();
    showDetails(seen, chosen !== NOTHING);
    showContainers(chosen.container);
    showDecisions();
  });
}

/** Return the cpus of the containers that own a cpu, or of a container. */
function cpusToMark(seen) {
  const containers = model.owners.get(seen.cpu) ?? [];
  const one = model.containers.get(seen.container);
  const lists = (one ? [one] : containers).map((it) => [...cpusOf(it.cpus)]);
  return new Set(lists.length || seen.cpu === undefined ? lists.flat() : [seen.cpu]);
}

function follow() {
  const source = new EventSource("events");
  source.addEventListener("status", (event) => {
    takeStatus(JSON.parse(event.data));
    schedule();
    void readJournal();
  });
  source.addEventListener("change", (event) => {
    takeChange(JSON.parse(event.data));
    schedule();
  });
  source.addEventListener("open", () => showLive(true));
  source.addEventListener("error", () => {
    showLive(false);
    if (source.readyState === EventSource.CLOSED) setTimeout(follow, AGAIN_MS);
  });
}

/** Read the decisions from before this page was opened. */
async function readJournal() {
  try {
    const response = await fetch("journal.json");
    if (!response.ok) return;
    takeDecisions((await response.json()).decisions);
    schedule();
  } catch {
    // The agent has gone; the stream of events says so, and comes back with a new status.
  }
}

function showLive(live) {
  if (live === !document.body.classList.contains("lost") && model.status) return;
  document.body.classList.toggle("lost", !live);
  const since = clock(Date.now() / 1000);
  setText($("live"), live ? "live" : `no answer from the agent since ${since}; trying again`);
}

/** Keep a cpu or a container in the details, or no longer if it is there already. */
function choose(what, button) {
  const same = what.cpu === chosen.cpu && what.container === chosen.container;
  chosen = same ? NOTHING : what;
  schedule();
  if (!same) requestAnimationFrame(() => button.scrollIntoView({ block: "nearest" }));
}

function peek(what) {
  if (what.cpu === peeked.cpu) return;
  peeked = what;
  schedule();
}

/** Return the cpu that an event is about. */
function cpuAt(event) {
  const cpu = event.target.closest?.("[data-cpu]")?.dataset.cpu;
  return cpu === undefined ? NOTHING : { cpu: Number(cpu) };
}

const map = $("map");
map.addEventListener("click", (event) => {
  if (cpuAt(event) !== NOTHING) choose(cpuAt(event), event.target);
});
map.addEventListener("mouseover", (event) => peek(cpuAt(event)));
map.addEventListener("mouseleave", () => peek(NOTHING));
map.addEventListener("focusin", (event) => {
  for (const { button } of cells.values()) if (button.tabIndex === 0) button.tabIndex = -1;
  event.target.tabIndex = 0;
  peek(cpuAt(event));
});
map.addEventListener("focusout", () => peek(NOTHING));
map.addEventListener("keydown", (event) => {
  const cpu = cpuByKey(event.key, cpuAt(event).cpu);
  if (cpu === undefined) return;
  event.preventDefault();
  cells.get(cpu).button.focus();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && chosen !== NOTHING) choose(chosen);
});
$("details-close").addEventListener("click", () => choose(chosen));
$("details-list").addEventListener("click", () => {
  $("filters").reset();
  $("filter-cpu").value = chosen.cpu;
  $("containers-section").scrollIntoView();
  schedule();
});
$("containers").addEventListener("click", (event) => {
  const button = event.target.closest("[data-container]");
  if (button) choose({ container: button.dataset.container }, button);
});
$("filters").addEventListener("input", schedule);
$("filters").addEventListener("reset", () => setTimeout(schedule));
$("filters").addEventListener("submit", (event) => event.preventDefault());
$("containers-more").addEventListener("click", () => {
  rowsMax += ROWS;
  schedule();
});

follow();

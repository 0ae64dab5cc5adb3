// Verdicts: one covers the page for a moment, and the last ones are listed with a button that undoes them.

/** How long a verdict covers the page. Those that need a conversation stay longer; a tap ends each. */
const SHOWN_MS = { admitted: 1600, queued: 1800, again: 5000, refused: 5000 };
/** Number of the last scans on the page. */
const RECENT = 20;

let hiding;
function hideOverlay() {
  clearTimeout(hiding);
  overlay.hidden = true;
  camera.isPaused = false;
}

/** Shows a verdict over the page, with its sound, and adds it to the last scans. */
function show(verdict, scan) {
  const { kind } = verdict.dataset;
  camera.isPaused = true;
  overlay.className = `overlay ${kind}`;
  overlay.hidden = false;
  verdictBox.replaceChildren(verdict);
  signal(kind);
  clearTimeout(hiding);
  hiding = setTimeout(hideOverlay, SHOWN_MS[kind]);
  remember(verdict, scan);
}

const rows = new Map();

/** Adds a verdict to the last scans, or replaces the one of the same scan. */
function remember(verdict, scan) {
  const words = (name) => verdict.querySelector(`.verdict-${name}`)?.textContent ?? "";
  const row = document.createElement("li");
  const text = document.createElement("div");
  const name = document.createElement("strong");
  const state = document.createElement("span");
  const sub = document.createElement("span");
  name.textContent = words("name");
  state.className = `state ${{ admitted: "good", queued: "quiet", again: "warn", refused: "bad" }[verdict.dataset.kind]}`;
  state.textContent = verdict.querySelector(".verdict-word strong").textContent;
  sub.className = "sub num";
  sub.textContent = [words("type"), words("detail")].filter(Boolean).join(" · ");
  if (name.textContent) text.append(name, " ");
  text.append(state, sub);
  row.append(text);
  if (verdict.dataset.checkin) row.append(undoButton(verdict.dataset.checkin, name.textContent, scan, row));
  const list = part("recent").querySelector("ol");
  const before = scan && rows.get(scan.id);
  if (before?.isConnected) before.replaceWith(row);
  else list.prepend(row);
  if (scan) rows.set(scan.id, row);
  while (list.children.length > RECENT) list.lastElementChild.remove();
  part("recent").hidden = false;
}

function undoButton(checkin, name, scan, row) {
  const button = document.createElement("button");
  const hidden = document.createElement("span");
  button.type = "button";
  hidden.className = "visually-hidden";
  hidden.textContent = ` ${name}`;
  button.append(texts.undo, hidden);
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      const action = `/desk/events/${root.dataset.event}/checkins/${checkin}/undo`;
      const { response, page } = await post(action, { back: "checkin" });
      if (!response.ok) return tell(texts.failed);
      if (scan?.code) queue.forget(scan.code);
      take(page, "counts");
      const state = row.querySelector(".state");
      state.className = "state quiet";
      state.textContent = texts.undone;
      button.remove();
      search();
    } catch {
      tell(texts.noNetwork);
      button.disabled = false;
    }
  });
  return button;
}

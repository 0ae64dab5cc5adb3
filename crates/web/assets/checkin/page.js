// The page for check-in: it sends scans, shows the verdicts over the whole screen, and keeps what could not be sent.

const root = document.getElementById("checkin");
const texts = JSON.parse(root.dataset.texts);
const part = (id) => document.getElementById(id);
const [codeForm, searchForm, overlay, verdictBox, notice] = ["code-form", "search-form", "overlay", "verdict", "notice"].map(part);
const queue = new ScanQueue(root.dataset.event);

const ANSWER_WITHIN_MS = 8000;
const REFRESH_MS = 15_000;
const KEYS_MS = 600_000;
const BUSY_AFTER_MS = 400;
/** Statuses of a batch that can never be accepted. */
const HOPELESS = [400, 413, 422];

const doorName = () => codeForm.elements.door.value.trim();
const csrf = () => codeForm.elements.csrf.value;

class NoNetwork extends Error {}

/** Sends a form and returns the page of the answer. Fails with `NoNetwork` if there is none that says what happened. */
async function post(action, fields) {
  const body = new URLSearchParams({ csrf: csrf(), key: randomKey(), ...fields });
  let response;
  try {
    response = await fetch(action, { method: "POST", body, signal: AbortSignal.timeout(ANSWER_WITHIN_MS) });
  } catch {
    throw new NoNetwork();
  }
  if (response.status >= 500 || response.status === 408 || response.status === 429) throw new NoNetwork();
  return { response, page: await pageOf(response) };
}

async function pageOf(response) {
  if (new URL(response.url).pathname === "/signin") {
    tell(texts.signedOut, `/signin?next=${encodeURIComponent(location.pathname)}`);
    throw new NoNetwork();
  }
  const text = await response.text().catch(() => { throw new NoNetwork(); });
  return new DOMParser().parseFromString(text, "text/html");
}

function tell(text, href) {
  const line = document.createElement(href ? "a" : "p");
  line.textContent = text;
  if (href) line.href = href;
  notice.replaceChildren(line);
  notice.hidden = false;
}

/** Replaces parts of this page by those of another answer. */
function take(page, ...ids) {
  for (const id of ids) {
    const fresh = page.getElementById(id);
    if (fresh) part(id).replaceChildren(...fresh.childNodes);
  }
}

// Codes.

function offlineVerdict(name, when) {
  const verdict = root.querySelector(`[data-offline=${name}]`).content.firstElementChild.cloneNode(true);
  const detail = verdict.querySelector(".verdict-detail");
  detail.textContent = detail.textContent.replace("{when}", when);
  return verdict;
}

const clock = (at) => new Date(at).toLocaleTimeString(document.documentElement.lang, { hour: "2-digit", minute: "2-digit" });

/** Keeps a scan until the network is back, if the code can be of a ticket of this event. */
async function keep(scan) {
  const before = queue.scannedAt(scan.code);
  if (before) return show(offlineVerdict("again", clock(before)), scan);
  const origin = await originOf(scan.code, root.dataset.event);
  if (origin === "foreign") return show(offlineVerdict("foreign"), scan);
  queue.add(scan);
  queue.remember(scan.code, scan.scannedAt);
  showQueue();
  show(offlineVerdict(origin === "genuine" ? "genuine" : "unverified"), scan);
}

/** Checks a code. Codes are checked one after another, so that a fast hand scanner loses none. */
let last = Promise.resolve();
function scanned(code) {
  if (code) last = last.then(() => check(code));
}

async function check(code) {
  const scan = { id: randomKey(), code, door: doorName(), scannedAt: new Date().toISOString() };
  const isSlow = setTimeout(() => (part("busy").textContent = texts.checking), BUSY_AFTER_MS);
  try {
    const { page } = await post(codeForm.getAttribute("action"), { code, door: scan.door, scanId: scan.id });
    const verdict = page.querySelector("#verdict .verdict");
    if (!verdict) return tell(page.querySelector("main h1")?.textContent ?? texts.failed);
    notice.hidden = true;
    take(page, "counts");
    if (verdict.dataset.kind === "admitted") queue.remember(code, scan.scannedAt);
    show(verdict, scan);
    send();
  } catch (error) {
    if (!(error instanceof NoNetwork)) throw error;
    await keep(scan);
  } finally {
    clearTimeout(isSlow);
    part("busy").textContent = "";
  }
}

// Scans that wait for the network.

function showQueue() {
  const count = queue.length;
  const words = part("queue").querySelector("strong");
  words.textContent = count === 1 ? words.dataset.one : words.dataset.many.replace("{n}", count);
  part("queue").hidden = count === 0;
}

let isSending = false;
let isWanted = false;

/** Sends what waits. If an attempt is under way, which may be about to fail, another one follows. */
async function send() {
  isWanted = true;
  if (isSending) return;
  isSending = true;
  try {
    while (isWanted) {
      isWanted = false;
      await sendBatches();
    }
  } finally {
    isSending = false;
    showQueue();
  }
}

async function sendBatches() {
  try {
    for (let batch = queue.next(); batch; batch = queue.next()) {
      // `JSON.stringify` leaves out what is undefined.
      const scans = batch.scans.map(({ id, code, door, scannedAt }) => ({ code, door: door || undefined, scanId: id, scannedAt }));
      const fields = { key: batch.key, scans: JSON.stringify(scans) };
      const { response, page } = await post(`${codeForm.getAttribute("action")}/batch`, fields);
      if (!response.ok) {
        tell(page.querySelector("main h1")?.textContent ?? texts.failed);
        part("queue").querySelector("[data-discard]").hidden = !HOPELESS.includes(response.status);
        break;
      }
      settle(batch, [...page.querySelectorAll(".verdict")]);
    }
  } catch (error) {
    if (!(error instanceof NoNetwork)) throw error;
  }
}

/** Shows what became of the scans of a batch. The worst verdict is heard. */
function settle(batch, verdicts) {
  queue.settle(batch);
  let worst;
  batch.scans.forEach((scan, index) => {
    const verdict = verdicts[index];
    if (!verdict) return;
    remember(verdict, scan);
    if (verdict.dataset.kind !== "admitted") worst = verdict;
  });
  if (worst) signal(worst.dataset.kind);
  refresh();
}

// Search, counts and the camera.

async function load(query) {
  const response = await fetch(`${location.pathname}${query}`, { signal: AbortSignal.timeout(ANSWER_WITHIN_MS) });
  if (!response.ok) throw new NoNetwork();
  return pageOf(response);
}

async function refresh() {
  if (document.visibilityState !== "visible") return;
  try {
    take(await load(""), "counts");
  } catch {
    // The counts come with the next scan.
  }
}

let searches = 0;
async function search() {
  const wanted = searchForm.elements.q.value.trim();
  searches += 1;
  const number = searches;
  try {
    const page = await load(wanted ? `?q=${encodeURIComponent(wanted)}` : "");
    if (number === searches) take(page, "found", "counts");
  } catch {
    tell(texts.noNetwork);
  }
}

/** Sends the form of a row of the list: a check-in by name, or its undoing. */
async function submitRow(form) {
  const fields = { ...Object.fromEntries(new FormData(form)), door: doorName() };
  try {
    const { response, page } = await post(form.getAttribute("action"), fields);
    const verdict = page.querySelector("#verdict .verdict");
    if (form.matches("[data-undo]")) {
      if (!response.ok) tell(texts.failed);
    } else if (verdict) show(verdict);
    else tell(page.querySelector("main h1")?.textContent ?? texts.failed);
    take(page, "counts", "found");
  } catch (error) {
    if (!(error instanceof NoNetwork)) throw error;
    tell(texts.noNetwork);
  }
}

const box = part("camera");
const [startButton, stopButton, video, cameraNote] = ["[data-start]", "[data-stop]", "video", ".viewfinder-note"].map((name) => box.querySelector(name));
const camera = new Camera(video, root.dataset.decoder, scanned);

function showCamera(isOn) {
  [startButton.hidden, stopButton.hidden, video.hidden] = [isOn, !isOn, !isOn];
}

async function startCamera() {
  cameraNote.hidden = true;
  startButton.disabled = true;
  try {
    if (!navigator.mediaDevices) throw new Error(texts.insecure);
    await camera.start(() => showCamera(false));
    showCamera(true);
  } catch (error) {
    camera.stop();
    cameraNote.textContent = { NotAllowedError: texts.refused, NotFoundError: texts.noCamera }[error.name] ?? error.message;
    cameraNote.hidden = false;
  } finally {
    startButton.disabled = false;
  }
}

startButton.addEventListener("click", startCamera);
stopButton.addEventListener("click", () => {
  camera.stop();
  showCamera(false);
});
// The script of the site must not wait for a new page.
for (const [form, act] of [[codeForm, () => scanned(takeCode())], [searchForm, search]]) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    event.stopPropagation();
    act();
  });
}
function takeCode() {
  const { code } = codeForm.elements;
  const value = code.value.trim();
  code.value = "";
  return value;
}
for (const list of [part("found"), verdictBox]) {
  list.addEventListener("submit", (event) => {
    event.preventDefault();
    event.stopPropagation();
    submitRow(event.target);
  });
}
let typing;
searchForm.elements.q.addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(search, 250);
});
overlay.addEventListener("click", hideOverlay);
addEventListener("keydown", (event) => event.key === "Escape" && hideOverlay());
part("queue").querySelector("[data-send]").addEventListener("click", send);
part("queue").querySelector("[data-discard]").addEventListener("click", (event) => {
  queue.settle(queue.next());
  event.target.hidden = true;
  showQueue();
});
addEventListener("online", send);
setInterval(() => (queue.length > 0 ? send() : refresh()), REFRESH_MS);
const sound = part("sound");
sound.checked = !isMuted();
sound.addEventListener("change", () => mute(!sound.checked));
sound.closest("label").hidden = false;
box.hidden = false;
showQueue();
send();
rememberKeys();
setInterval(rememberKeys, KEYS_MS);

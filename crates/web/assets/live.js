// Pages that follow what happens: the server sends the part with `data-live` again whenever it has changed.
(() => {
  "use strict";
  const part = document.querySelector("[data-live]");
  if (!part || !("EventSource" in window)) return;
  const root = document.documentElement;
  const news = document.querySelector("[data-live-news]");

  // Lets a change fade in.
  const mark = (node) => {
    const element = node.nodeType === Node.ELEMENT_NODE ? node : node.parentElement;
    if (!element) return;
    element.classList.remove("updated");
    void element.offsetWidth;
    element.classList.add("updated");
  };
  const isSame = (one, other) => one.nodeType === other.nodeType && one.nodeName === other.nodeName;
  const findById = (parent, id) => [...parent.children].find((child) => child.id === id);

  const patchAttributes = (old, fresh) => {
    for (const { name, value } of fresh.attributes) {
      // The visitor's choice stays.
      if (name === "checked" || name === "value" || old.getAttribute(name) === value) continue;
      old.setAttribute(name, value);
    }
    for (const { name } of [...old.attributes]) {
      if (!fresh.hasAttribute(name) && !["checked", "open", "data-bound", "data-counting"].includes(name)) old.removeAttribute(name);
    }
  };

  // Changes `old` to `fresh`, and leaves everything as it is that is equal or belongs to the visitor.
  const patch = (old, fresh, isNewShape) => {
    if (old.isEqualNode(fresh)) return;
    if (old.nodeType !== Node.ELEMENT_NODE) {
      if (old.data === fresh.data) return;
      old.data = fresh.data;
      mark(old);
      return;
    }
    if (old.dataset.liveSkip !== undefined && !isNewShape) return;
    patchAttributes(old, fresh);
    let at = old.firstChild;
    for (const next of [...fresh.childNodes]) {
      const match = next.id ? findById(old, next.id) : at && !at.id && isSame(at, next) ? at : undefined;
      if (match && isSame(match, next)) {
        if (match !== at) old.insertBefore(match, at);
        at = match.nextSibling;
        patch(match, next, isNewShape);
      } else if (isNewShape || next.dataset?.liveOptional === undefined) {
        const added = document.importNode(next, true);
        old.insertBefore(added, at);
        if (added.nodeType === Node.ELEMENT_NODE) mark(added);
      }
    }
    while (at) {
      const gone = at;
      at = at.nextSibling;
      gone.remove();
    }
  };

  // Screen readers hear the latest news, and not more often than they can read it.
  let said = part.dataset.news;
  let speaking;
  const say = () => {
    if (speaking || !news || part.dataset.news === said) return;
    said = part.dataset.news;
    news.textContent = said;
    speaking = setTimeout(() => {
      speaking = undefined;
      say();
    }, 10000);
  };

  const apply = (html) => {
    const fresh = new DOMParser().parseFromString(html, "text/html").getElementById(part.id);
    if (!fresh) return;
    const focused = document.activeElement;
    patch(part, fresh, part.dataset.shape !== fresh.dataset.shape);
    if (focused?.id && !focused.isConnected) document.getElementById(focused.id)?.focus({ preventScroll: true });
    part.dispatchEvent(new CustomEvent("live:patched", { bubbles: true }));
    say();
  };

  let source;
  let wait = 1000;
  let retry;
  let worry;
  const setLost = (isLost) => {
    clearTimeout(worry);
    worry = undefined;
    root.classList.toggle("live-lost", isLost);
  };
  const connect = () => {
    if (source) return;
    clearTimeout(retry);
    source = new EventSource(part.dataset.live);
    source.addEventListener("part", (event) => {
      wait = 1000;
      setLost(false);
      apply(event.data);
    });
    source.addEventListener("lost", () => setLost(true));
    source.addEventListener("error", () => {
      // A connection that comes back at once is not worth a word.
      worry ||= setTimeout(() => setLost(true), 4000);
      if (source?.readyState !== EventSource.CLOSED) return;
      // The browser gives up after an error response; this page does not.
      disconnect();
      retry = setTimeout(connect, wait * (1 + Math.random()));
      wait = Math.min(wait * 2, 60000);
    });
  };
  const disconnect = () => {
    source?.close();
    source = undefined;
  };

  // A page that nobody sees needs no connection, and a browser has few of them for each site.
  let leaving;
  const follow = () => {
    clearTimeout(leaving);
    if (document.visibilityState === "visible") {
      connect();
    } else {
      leaving = setTimeout(() => {
        clearTimeout(retry);
        disconnect();
      }, 10000);
    }
  };
  document.addEventListener("visibilitychange", follow);
  addEventListener("pagehide", disconnect);
  addEventListener("pageshow", follow);
})();

// Comfort for browsers with JavaScript. Every page works without it.
(() => {
  "use strict";
  const root = document.documentElement;
  root.classList.add("js");

  // Counters: minus and plus beside a number field.
  const addStepper = (box) => {
    if (box.classList.contains("ready")) return;
    const input = box.querySelector("input");
    const make = (sign, label, delta) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = sign;
      button.setAttribute("aria-label", label);
      button.addEventListener("click", () => {
        input.value = clamp((parseInt(input.value, 10) || 0) + delta, input);
        input.dispatchEvent(new Event("input", { bubbles: true }));
      });
      return button;
    };
    box.prepend(make("−", box.dataset.less, -1));
    box.append(make("+", box.dataset.more, 1));
    box.classList.add("ready");
    const update = () => {
      const value = parseInt(input.value, 10);
      box.firstElementChild.disabled = value <= parseInt(input.min, 10);
      box.lastElementChild.disabled = value >= parseInt(input.max, 10);
    };
    input.addEventListener("input", update);
    input.addEventListener("limits", update);
    update();
  };
  const clamp = (value, input) => Math.min(Math.max(value, parseInt(input.min, 10)), parseInt(input.max, 10));

  // The booking form: limits, sum and label of the button follow the choice.
  const bindBooking = (form) => {
    if (form.dataset.bound) return;
    form.dataset.bound = "yes";
    const quantity = form.querySelector("[name=quantity]");
    const button = form.querySelector("[data-labels]");
    const sum = form.querySelector("[data-sum]");
    const money = (minor, currency) => {
      const format = new Intl.NumberFormat(root.lang === "en" ? "en-GB" : root.lang, { style: "currency", currency });
      return format.format(minor / 10 ** format.resolvedOptions().maximumFractionDigits);
    };
    const chosen = () => form.querySelector("[name=type]:checked") || form.querySelector("[name=type]");
    const update = () => {
      const choice = chosen();
      if (!choice || !quantity) return;
      quantity.max = choice.dataset.max;
      quantity.value = clamp(parseInt(quantity.value, 10) || 1, quantity);
      quantity.dispatchEvent(new Event("limits"));
      relabel();
    };
    const relabel = () => {
      const choice = chosen();
      const count = parseInt(quantity.value, 10);
      if (!choice || !count) return;
      const labels = JSON.parse(button.dataset.labels);
      const waits = count > parseInt(choice.dataset.left, 10);
      button.textContent = (waits ? labels.wait : count === 1 ? labels.one : labels.many).replace("{n}", count);
      if (sum && choice.dataset.minor) {
        const minor = parseInt(choice.dataset.minor, 10) * count;
        sum.textContent = minor === 0 ? labels.free : money(minor, choice.dataset.currency);
      }
    };
    form.addEventListener("input", update);
    // The server has sent new numbers of tickets. The visitor's own input is kept.
    form.addEventListener("live", relabel);
    update();
  };

  // Times from now, such as «in 3 hours».
  const relative = () => {
    const format = new Intl.RelativeTimeFormat(root.lang, { numeric: "always" });
    for (const element of document.querySelectorAll("[data-until]")) {
      const seconds = Math.round((Date.parse(element.dataset.until) - Date.now()) / 1000);
      if (seconds <= 0) {
        // Only if the time ran out before the reader's eyes, so that a wrong clock does not reload again and again; and not all
        // browsers at once.
        if (element.dataset.reload && element.dataset.counting === "yes") {
          element.dataset.counting = "done";
          setTimeout(() => location.reload(), 500 + Math.random() * 2000);
        }
        continue;
      }
      element.dataset.counting ||= "yes";
      const [count, unit] = seconds >= 172800 ? [seconds / 86400, "day"] : seconds >= 7200 ? [seconds / 3600, "hour"] : seconds >= 120 ? [seconds / 60, "minute"] : [seconds, "second"];
      element.textContent = format.format(Math.floor(count), unit);
    }
  };

  // Deadlines: the time that is left, counted from what the server has said, so that a wrong clock does not matter. When it is over,
  // the page is loaded again, unless its live stream has replaced the countdown by then.
  const ends = new WeakMap();
  const unit = (count, name) => new Intl.NumberFormat(root.lang, { style: "unit", unit: name, unitDisplay: "long" }).format(count);
  const duration = (seconds) => {
    const [minutes, hours] = [Math.floor(seconds / 60), Math.floor(seconds / 3600)];
    if (hours >= 24) return [unit(Math.floor(hours / 24), "day"), unit(hours % 24, "hour")].join(" ");
    if (hours >= 1) return [unit(hours, "hour"), unit(minutes % 60, "minute")].join(" ");
    return `${minutes}:${String(seconds % 60).padStart(2, "0")}`;
  };
  const countDown = () => {
    for (const element of document.querySelectorAll("[data-countdown]")) {
      if (!ends.has(element)) ends.set(element, { at: Date.now() + element.dataset.seconds * 1000, warned: element.dataset.seconds < 60 });
      const end = ends.get(element);
      const seconds = Math.max(Math.ceil((end.at - Date.now()) / 1000), 0);
      const text = duration(seconds);
      if (element.textContent !== text) element.textContent = text;
      const news = document.querySelector("[data-live-news]");
      if (seconds < 60 && !end.warned) {
        end.warned = true;
        if (news) news.textContent = element.dataset.warning;
      }
      if (seconds === 0 && !end.isOver) {
        end.isOver = true;
        setTimeout(() => element.isConnected && location.reload(), 3000 + Math.random() * 2000);
      }
    }
  };

  // A time in the zone of the event is followed by that in the zone of the reader, if the two differ.
  const addLocalTime = (element) => {
    const at = new Date(element.dataset.localTime);
    const format = (timeZone) =>
      new Intl.DateTimeFormat(root.lang === "en" ? "en-GB" : root.lang, { hour: "2-digit", minute: "2-digit", weekday: "short", timeZone }).formatToParts(at);
    const text = (parts) => parts.map(({ value }) => value).join("");
    const [there, here] = [format(element.dataset.zone), format(undefined)];
    if (text(there) === text(here)) return;
    const part = (parts, type) => parts.find((one) => one.type === type).value;
    const isSameDay = part(there, "weekday") === part(here, "weekday");
    const time = `${part(here, "hour")}:${part(here, "minute")}`;
    element.textContent = ` · ${element.dataset.text.replace("{time}", isSameDay ? time : text(here))}`;
  };

  const start = (scope) => {
    scope.querySelectorAll(".stepper").forEach(addStepper);
    scope.querySelectorAll("form[data-booking]").forEach(bindBooking);
    scope.querySelectorAll("[data-local-time]").forEach(addLocalTime);
    relative();
    countDown();
  };

  // A form acts once: the button waits for the answer. It works again when the page is shown from the history, and after a time in
  // which the answer should have come.
  const WAIT_MS = 12_000;
  const release = (scope) => {
    for (const button of scope.querySelectorAll("button[type=submit]")) {
      button.disabled = false;
      button.removeAttribute("aria-busy");
    }
  };
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post") return;
    reuseKey(form, event.submitter);
    setTimeout(() => {
      form.querySelectorAll("button[type=submit]").forEach((button) => (button.disabled = true));
      event.submitter?.setAttribute("aria-busy", "true");
    }, 0);
    setTimeout(() => release(form), WAIT_MS);
  });
  addEventListener("pageshow", () => release(document));

  // If the answer was lost, or after the back button, the page may have another idempotency key. A form that is sent again from the
  // same entry of the browser's history with the same values is the same request and gets the key of before; with other values it is a
  // new request. Forms with a password are not remembered.
  const reuseKey = (form, submitter) => {
    const key = form.querySelector("input[name=key]");
    if (!key || form.querySelector("input[type=password]")) return;
    const fields = new URLSearchParams(new FormData(form, submitter));
    fields.delete("key");
    fields.delete("csrf");
    const [action, values, sent] = [form.getAttribute("action"), fields.toString(), history.state?.sent || {}];
    const before = sent[action];
    if (before?.values === values) {
      key.value = before.key;
      return;
    }
    if (before) key.value = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
    history.replaceState({ ...history.state, sent: { ...sent, [action]: { key: key.value, values } } }, "");
  };
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-print]")) print();
  });
  // Copies the text of an element. Browsers without access to the clipboard, or on a page without TLS, get it selected.
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const source = document.getElementById(button.dataset.copy);
    getSelection().selectAllChildren(source);
    try {
      await navigator.clipboard.writeText(source.textContent);
      button.parentElement.querySelector("[role=status]").textContent = button.dataset.copied;
    } catch {
      button.hidden = true;
    }
  });
  // What could not be loaded as a part of the page is opened as a whole, which shows what went wrong.
  for (const failure of ["htmx:responseError", "htmx:sendError"]) {
    document.addEventListener(failure, (event) => location.assign(event.detail.pathInfo.finalRequestPath));
  }
  // The form of a new event begins with the zone of its author, if the list of zones has it.
  const zone = document.querySelector("[data-zone-of-reader]");
  const readersZone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone && zone.value === zone.defaultValue && [...zone.list.options].some((option) => option.value === readersZone)) {
    zone.value = readersZone;
  }
  document.addEventListener("htmx:afterSwap", (event) => start(event.target));
  document.addEventListener("live:patched", (event) => {
    start(event.target);
    event.target.querySelectorAll("form[data-booking]").forEach((form) => form.dispatchEvent(new Event("live")));
  });
  start(document);
  document.querySelector("[data-focus]")?.focus();
  setInterval(() => {
    relative();
    countDown();
  }, 1000);
})();

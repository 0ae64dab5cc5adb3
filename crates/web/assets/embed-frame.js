// The box with an event that another site shows. It tells that site how high it is, which is no secret, and follows the sale.
(() => {
  "use strict";
  const tell = () => parent.postMessage({ rowlockHeight: document.body.scrollHeight }, "*");
  new ResizeObserver(tell).observe(document.body);
  addEventListener("load", tell);

  // Only the two texts that change are replaced, so that the focus stays on the button.
  const refresh = async () => {
    const response = await fetch(location.href);
    if (!response.ok) return;
    const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
    for (const id of ["state", "button"]) {
      const [old, next] = [document.getElementById(id), fresh.getElementById(id)];
      if (!old || !next || old.isEqualNode(next)) continue;
      old.className = next.className;
      old.replaceChildren(...next.childNodes);
    }
  };
  let waiting;
  const source = new EventSource(document.body.dataset.live);
  source.addEventListener("part", () => {
    // Many changes within a second are read once.
    waiting ||= setTimeout(() => {
      waiting = undefined;
      refresh().catch(() => {});
    }, 1000);
  });
})();

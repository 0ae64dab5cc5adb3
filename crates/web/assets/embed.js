// Shows an event of this box office on another site:
//   <script src="https://tickets.example/embed.js" data-event="EVENT-ID" data-lang="en" async></script>
// The frame appears after the script, and becomes as high as its content.
(() => {
  "use strict";
  const script = document.currentScript;
  const event = script && script.dataset.event;
  if (!event) {
    console.error("embed.js needs data-event, the id of an event.");
    return;
  }
  const origin = new URL(script.src).origin;
  const frame = document.createElement("iframe");
  const language = script.dataset.lang ? "?lang=" + encodeURIComponent(script.dataset.lang) : "";
  frame.src = origin + "/embed/" + encodeURIComponent(event) + language;
  frame.title = script.dataset.title || "Tickets";
  frame.width = "100%";
  frame.height = "200";
  frame.style.border = "0";
  frame.style.maxWidth = "480px";
  addEventListener("message", (message) => {
    if (message.source !== frame.contentWindow || message.origin !== origin) return;
    const height = Number(message.data && message.data.rowlockHeight);
    if (height > 0 && height < 2000) frame.height = String(Math.ceil(height));
  });
  script.after(frame);
})();

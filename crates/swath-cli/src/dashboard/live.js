// Keeps the page up to date: each part that has changed comes as an event, and takes the place of what was there.
"use strict";
(() => {
  const root = document.documentElement;
  const words = document.getElementById("live");
  const source = new EventSource("events" + location.search);
  const say = (state, text) => { root.dataset.live = state; words.textContent = text; };
  // What somebody points at or has marked stays, until that is over.
  const isHeld = (part) => {
    const marked = getSelection();
    return part.querySelector("svg:hover") !== null
      || (marked && !marked.isCollapsed && part.contains(marked.anchorNode));
  };
  const waiting = new Map();
  const show = (part, html) => {
    waiting.delete(part);
    part.innerHTML = html;
    root.dataset.updates = Number(root.dataset.updates || 0) + 1;
  };
  for (const part of document.querySelectorAll("[data-part]")) {
    source.addEventListener(part.dataset.part, (event) => {
      if (isHeld(part)) { waiting.set(part, event.data); } else { show(part, event.data); }
    });
  }
  setInterval(() => {
    for (const [part, html] of waiting) { if (!isHeld(part)) { show(part, html); } }
  }, 250);
  source.addEventListener("as_of", (event) => say("on", "live, as of " + event.data));
  source.addEventListener("end", (event) => {
    source.close();
    say("off", "the run has ended: " + event.data);
  });
  source.addEventListener("error", () => {
    if (source.readyState !== EventSource.CLOSED) { say("lost", "the run does not answer; trying again"); }
  });
})();

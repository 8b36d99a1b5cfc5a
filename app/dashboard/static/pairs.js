// Keys of the pairs explorer: j and k (or the arrows) go to the next and the previous pair, or through a list. All are links, too.
"use strict";
(() => {
  const NEXT = ["j", "ArrowRight"];
  const BEFORE = ["k", "ArrowLeft"];
  const lines = [...document.querySelectorAll("#pairs .title a")];

  function isTyping(target) {
    return target instanceof HTMLElement && target.matches("input, select, textarea");
  }

  // In a list the keys go from pair to pair, and past the last one to the next part.
  function step(way) {
    const at = lines.indexOf(document.activeElement) + way;
    if (at >= 0 && at < lines.length) lines[at].focus();
    else if (way > 0 || lines.length === 0) follow(way);
  }

  function follow(way) {
    const link = document.querySelector(way > 0 ? 'a[rel="next"]' : 'a[rel="prev"]');
    if (link) link.click();
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || isTyping(event.target)) return;
    const way = NEXT.includes(event.key) ? 1 : BEFORE.includes(event.key) ? -1 : 0;
    // Arrows scroll a text that is wider than its box.
    if (way === 0 || (event.key.startsWith("Arrow") && event.target.closest("[tabindex='0']"))) return;
    event.preventDefault();
    if (lines.length > 0) step(way);
    else follow(way);
  });
  document.documentElement.classList.add("has-keys");
  for (const link of document.querySelectorAll(".only-with-script")) link.hidden = false;
  // A search that goes on by itself: stretch by stretch, until something is found or somebody leaves the page.
  const further = document.querySelector("a[data-goes-on]");
  if (further) setTimeout(() => location.replace(further.href), 150);
})();

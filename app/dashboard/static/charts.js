// Draws the charts of a page: as wide as their place, in the colours of light or dark, again when either changes.
// The policy forbids evaluating text, so expressions are walked by the interpreter.
"use strict";
(() => {
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const inks = JSON.parse(document.querySelector('meta[name="inks"]')?.content ?? "{}");

  function specification(place) {
    let text = place.querySelector("script")?.textContent ?? place.dataset.specification;
    place.dataset.specification = text;
    if (dark.matches) for (const [light, other] of Object.entries(inks)) text = text.replaceAll(`"${light}"`, `"${other}"`);
    const found = JSON.parse(text);
    found.width = Math.max(280, place.clientWidth);
    return found;
  }

  // The place says in words what the picture shows; its thousand parts say nothing besides.
  function quieten(stand) {
    for (const part of [stand, ...stand.querySelectorAll("[role], [aria-roledescription]")])
      for (const name of ["role", "aria-roledescription", "aria-label"]) part.removeAttribute(name);
    stand.querySelector("svg")?.setAttribute("aria-hidden", "true");
    stand.querySelector("svg")?.setAttribute("focusable", "false");
  }

  async function draw(place) {
    const spec = specification(place);
    const stand = place.querySelector(".drawing") ?? place.appendChild(document.createElement("div"));
    stand.className = "drawing";
    place.dataset.width = spec.width;
    try {
      await window.vegaEmbed(stand, spec, {
        actions: false, ast: true, expr: window.vegaInterpreter, renderer: "svg", defaultStyle: false,
        tooltip: { disableDefaultStyle: true }, loader: { load: () => Promise.reject(new Error("charts load nothing")) },
      });
      quieten(stand);
      place.dataset.drawn = "yes";
    } catch (error) {
      place.dataset.drawn = "no";
      stand.textContent = "This chart could not be drawn; its numbers are in the table below it.";
      console.error(error);
    }
  }

  const widths = new ResizeObserver((entries) => {
    for (const { target } of entries) if (Math.abs(target.clientWidth - Number(target.dataset.width)) > 4) draw(target);
  });

  // Only what comes near the window is drawn: a page of many charts is there at once.
  const nearness = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      if (!isIntersecting || target.dataset.drawn) continue;
      nearness.unobserve(target);
      draw(target).then(() => widths.observe(target));
    }
  }, { rootMargin: "600px" });

  const watch = (root) => root.querySelectorAll(".chart.live:not([data-drawn])").forEach((place) => nearness.observe(place));
  watch(document);
  document.addEventListener("htmx:after:swap", () => watch(document));
  document.addEventListener("toggle", (event) => { if (event.target.open) watch(event.target); }, true);
  dark.addEventListener("change", () => document.querySelectorAll(".chart.live[data-drawn]").forEach(draw));
})();

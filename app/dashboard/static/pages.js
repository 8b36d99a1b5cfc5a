// What all pages of a pilot do: the menu is closed on narrow screens. Everything works without it.
"use strict";
(() => {
  const menu = document.querySelector(".side .menu");
  const narrow = window.matchMedia("(max-width: 63rem)");
  const fit = () => { if (menu) menu.open = !narrow.matches; };
  fit();
  narrow.addEventListener("change", fit);
})();

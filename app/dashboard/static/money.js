// A slider and its number field say the same; what they come to is computed by the service alone.
"use strict";
(() => {
  const mark = (lever) => {
    const field = lever.querySelector('input[type="number"]');
    lever.classList.toggle("moved", Number(field.value) !== Number(lever.dataset.start));
  };

  document.addEventListener("input", ({ target }) => {
    const lever = target.closest(".lever");
    if (!lever) return;
    const field = lever.querySelector('input[type="number"]');
    const slide = lever.querySelector(".slide");
    if (target === slide) field.value = slide.value;
    else slide.value = field.value;
    mark(lever);
  }, true);

  document.addEventListener("click", (event) => {
    const form = event.target.closest(".what-if .reset")?.closest("form");
    if (!form) return;
    event.preventDefault();
    for (const lever of form.querySelectorAll(".lever")) {
      lever.querySelector('input[type="number"]').value = lever.dataset.start;
      lever.querySelector(".slide").value = lever.dataset.start;
      mark(lever);
    }
    form.dispatchEvent(new Event("input", { bubbles: true }));
  });

  document.querySelectorAll(".lever").forEach(mark);
})();

// Keys for the labelling page. Everything works without them.
"use strict";
(() => {
  const STORED = "pilot-keys-off";
  const BUTTONS = { 1: "first", 2: "second", 0: "tie", t: "tie", b: "both_bad" };
  const MARKS = ["critical_first", "critical_second"];
  const WORDS = ["No reply is marked as critical", "First is marked as critical", "Second is marked as critical", "Both are marked as critical"];
  const answers = document.getElementById("answers");
  const undo = document.getElementById("undo");
  const toggle = document.getElementById("keys");
  const told = document.getElementById("told");
  const note = document.querySelector(".keys-note");
  let isOn = read() !== "yes";
  let isSent = false;

  function read() {
    try { return localStorage.getItem(STORED); } catch { return null; }
  }

  function keep(value) {
    try { localStorage.setItem(STORED, value); } catch { /* a browser that keeps nothing asks again */ }
  }

  function show() {
    document.documentElement.classList.toggle("has-keys", isOn);
    toggle.hidden = false;
    note.hidden = !isOn;
    toggle.textContent = isOn ? "Keys are on: turn them off" : "Keys are off: turn them on";
  }

  function press(button) {
    if (button) button.click();
  }

  function mark() {
    const boxes = MARKS.map((id) => document.getElementById(id));
    const next = ((boxes[0].checked ? 1 : 0) + (boxes[1].checked ? 2 : 0) + 1) % 4;
    boxes[0].checked = Boolean(next & 1);
    boxes[1].checked = Boolean(next & 2);
    told.textContent = WORDS[next];
  }

  function skip() {
    const details = document.getElementById("skip");
    details.open = !details.open;
    (details.open ? details.querySelector("button") : details.querySelector("summary")).focus();
  }

  function isTyping(target) {
    return target instanceof HTMLElement && target.matches("textarea, select, input:not([type=checkbox])");
  }

  function pressed(event) {
    if (!isOn || event.ctrlKey || event.metaKey || event.altKey || event.repeat || isTyping(event.target)) return;
    const key = event.key.toLowerCase();
    if (key === "u") press(undo.querySelector("button"));
    else if (!answers) return;
    else if (key === "s") skip();
    else if (key === "c") mark();
    else if (key in BUTTONS) press(answers.querySelector(`button[value="${BUTTONS[key]}"]`));
    else return;
    event.preventDefault();
  }

  function sent(event) {
    if (isSent) event.preventDefault();
    isSent = true;
  }

  // Of a long conversation the end is what is answered.
  const messages = document.querySelector(".messages");
  if (messages) messages.scrollTop = messages.scrollHeight;
  toggle.addEventListener("click", () => {
    isOn = !isOn;
    keep(isOn ? "no" : "yes");
    show();
  });
  document.addEventListener("keydown", pressed);
  for (const form of [answers, undo]) if (form) form.addEventListener("submit", sent);
  // A page that comes back from the browser's memory may be answered once more.
  window.addEventListener("pageshow", () => { isSent = false; });
  show();
})();

// Working through reviews by keyboard: numbers open an answer, s skips. Only while the focus is on the answers, so that
// nobody's dictation or screen reader sets anything off.
(() => {
  "use strict";
  const answers = document.querySelector(".answers");
  if (!answers) return;
  const all = [...answers.querySelectorAll("details")];
  const heads = all.map((one) => one.querySelector("summary"));
  heads.forEach((head, place) => head.setAttribute("aria-keyshortcuts", String(place + 1)));
  document.getElementById("keys").hidden = false;

  const open = (chosen) => {
    for (const one of all) one.open = one === chosen;
    const first = chosen.querySelector("input:not([type=hidden]), select, button");
    first.focus();
    first.select?.();
  };

  answers.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key === "Escape") {
      const mine = event.target.closest("details[open]");
      if (mine) {
        mine.open = false;
        mine.querySelector("summary").focus();
      }
      return;
    }
    if (event.target.matches("input, select, textarea")) return;
    const chosen = /^[1-9]$/.test(event.key) ? all[event.key - 1] : undefined;
    if (chosen) {
      event.preventDefault();
      open(chosen);
    } else if (event.key === "s") {
      event.preventDefault();
      document.getElementById("skip").click();
    }
  });

  // A new one begins at its answers, unless there is an answer to mend
  const tried = all.find((one) => one.open);
  if (tried) open(tried);
  else heads[0].focus({ preventScroll: true });
})();

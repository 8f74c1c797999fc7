// A search box over a list that is on the page: what does not match is hidden while somebody types. Without a script the
// box is sent and the server leaves it out.
(() => {
  "use strict";

  for (const box of document.querySelectorAll("input[data-filter]")) {
    const items = [...document.querySelectorAll(`#${box.dataset.filter} > [data-text]`)];
    const told = document.getElementById(box.getAttribute("aria-describedby"));
    const go = document.querySelector(`[data-finds="${box.dataset.filter}"]`);
    if (go) go.hidden = true;
    const look = () => {
      const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const item of items) {
        item.hidden = !words.every((word) => item.dataset.text.includes(word));
        if (!item.hidden) shown += 1;
      }
      if (told) told.textContent = words.length ? `${shown} of ${items.length}` : "";
    };
    box.addEventListener("input", look);
    box.addEventListener("keydown", (event) => {
      if (event.key === "Enter") event.preventDefault(); // it is found already; Enter would send the form around it
    });
    look();
  }
})();

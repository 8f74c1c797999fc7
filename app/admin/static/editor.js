// The editor of rules: numbers beside the lines, links that lead to a line, and a question before written text is left.
(() => {
  "use strict";

  for (const box of document.querySelectorAll("[data-numbered]")) {
    const text = box.querySelector("textarea");
    const numbers = document.createElement("div");
    numbers.className = "numbers";
    numbers.setAttribute("aria-hidden", "true");
    box.prepend(numbers);
    let shown = 0;
    const count = () => {
      const lines = text.value.split("\n").length;
      if (lines !== shown) {
        shown = lines;
        numbers.textContent = `${Array.from({ length: lines }, (_, place) => place + 1).join("\n")}\n\n`;
      }
      numbers.style.height = `${text.offsetHeight}px`;
      numbers.scrollTop = text.scrollTop;
    };
    text.addEventListener("input", count);
    text.addEventListener("scroll", count);
    new ResizeObserver(count).observe(text);
    count();
  }

  const yaml = document.getElementById("yaml");
  const goTo = (line) => {
    const lines = yaml.value.split("\n");
    const start = lines.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0);
    yaml.focus();
    yaml.setSelectionRange(start, start + (lines[line - 1] || "").length);
    const height = parseFloat(getComputedStyle(yaml).lineHeight);
    yaml.scrollTop = Math.max(0, (line - 4) * height);
    yaml.scrollLeft = 0;
    yaml.scrollIntoView({ block: "nearest" });
  };
  for (const link of yaml ? document.querySelectorAll("a[data-line]") : []) {
    if (new URL(link.href).pathname !== location.pathname) continue;
    link.addEventListener("click", (event) => {
      event.preventDefault();
      goTo(Number(link.dataset.line));
    });
  }

  // What was sent is kept in this tab until a page says that it was saved: a session may have ended in the meantime
  const written = (form) => [...form.querySelectorAll("textarea, input:not([type=hidden]):not([type=file]), select")]
    .filter((one) => one.name && !one.readOnly);
  const place = (form) => `unsaved ${new URL(form.action || location.href).pathname} ${form.elements.view?.value || ""}`;
  if (document.querySelector("main > .note.good")) {
    for (const key of Object.keys(sessionStorage)) if (key.startsWith("unsaved ")) sessionStorage.removeItem(key);
  }
  for (const form of document.querySelectorAll("form[data-unsaved]")) {
    const key = place(form);
    form.addEventListener("submit", () => {
      const kept = written(form).map((one) => [one.name, one.value]);
      try { sessionStorage.setItem(key, JSON.stringify(kept)); } catch { /* no room: the page itself comes back */ }
    });
    const kept = new Map(JSON.parse(sessionStorage.getItem(key) || "[]"));
    const other = written(form).filter((one) => kept.has(one.name) && kept.get(one.name) !== one.value);
    const offer = form.querySelector("[data-offer]");
    if (!other.length || !offer || document.querySelector("main > .note.bad")) continue;
    offer.hidden = false;
    offer.querySelector("button").addEventListener("click", () => {
      for (const one of other) {
        one.value = kept.get(one.name);
        one.dispatchEvent(new Event("input", { bubbles: true }));
      }
      offer.hidden = true;
      other[0].focus();
    });
  }

  let unsaved = false;
  for (const form of document.querySelectorAll("form[data-unsaved]")) {
    form.addEventListener("input", () => { unsaved = true; });
    form.addEventListener("submit", () => { unsaved = false; });
  }
  window.addEventListener("beforeunload", (event) => {
    if (unsaved) event.preventDefault();
  });
})();

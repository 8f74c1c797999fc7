// What pages can do better with a script; each works without it.
(() => {
  "use strict";

  // Times: words that stay right while the page is open, and on hover also the reader's own time
  const page = document.documentElement;
  const ahead = Date.now() - Date.parse(page.dataset.now || new Date().toISOString());
  const local = new Intl.DateTimeFormat("en-GB", { dateStyle: "long", timeStyle: "medium" });
  const steps = [[60, 45, "second"], [3600, 3570, "minute"], [86400, 84600, "hour"], [604800, 561600, "day"]];
  const spans = { second: 1, minute: 60, hour: 3600, day: 86400 };

  const inWords = (then) => {
    const seconds = (Date.now() - ahead - then) / 1000;
    const apart = Math.abs(seconds);
    const [, , unit] = steps.find(([, most]) => apart < most) || [];
    if (!unit) return null;
    if (unit === "second") return seconds >= 0 ? "just now" : "in a moment";
    const count = Math.max(1, Math.round(apart / spans[unit]));
    const said = `${count} ${unit}${count === 1 ? "" : "s"}`;
    return seconds >= 0 ? `${said} ago` : `in ${said}`;
  };
  const times = [...document.querySelectorAll("time[data-say]")];
  for (const time of times) {
    const mine = local.format(new Date(time.dateTime)).replace(" at ", ", ");
    time.title += ` (${mine} where you are)`;
  }
  const tell = () => {
    for (const time of times) {
      const said = time.dataset.say === "words" && inWords(Date.parse(time.dateTime));
      if (said && said !== time.textContent) time.textContent = said;
    }
  };
  setInterval(tell, 30000);

  // Copy buttons: shown only where a script can copy
  for (const button of document.querySelectorAll("button[data-copy]")) {
    if (!navigator.clipboard) continue;
    button.hidden = false;
    button.addEventListener("click", async () => {
      const source = document.getElementById(button.dataset.copy);
      try {
        await navigator.clipboard.writeText(source.value ?? source.textContent);
        button.textContent = "Copied";
      } catch {
        source.select?.();
        button.textContent = "Press Ctrl+C";
      }
      setTimeout(() => { button.textContent = "Copy"; }, 3000);
    });
  }

  // One box that ticks all others of its form
  for (const all of document.querySelectorAll("input[data-all]")) {
    all.closest("[hidden]").hidden = false;
    const boxes = [...document.querySelectorAll(`input[name="${all.dataset.all}"]`)];
    all.addEventListener("change", () => { for (const box of boxes) box.checked = all.checked; });
    for (const box of boxes) {
      box.addEventListener("change", () => { all.checked = boxes.every((one) => one.checked); });
    }
  }

  // A filter applies as soon as it is chosen; the button stays for keyboards that pass through choices one by one
  for (const choice of document.querySelectorAll("select[data-go]")) {
    let byKey = false;
    choice.addEventListener("keydown", () => { byKey = true; });
    choice.addEventListener("pointerdown", () => { byKey = false; });
    choice.addEventListener("change", () => { if (!byKey) choice.form.requestSubmit(); });
  }

  // Who fills in a field chooses what it belongs to
  for (const field of document.querySelectorAll("input[data-picks]")) {
    field.addEventListener("input", () => { document.getElementById(field.dataset.picks).checked = true; });
  }

  // A button pressed twice is pressed once
  for (const form of document.querySelectorAll("form[method=post]")) {
    form.addEventListener("submit", (event) => {
      if (form.dataset.sent) event.preventDefault();
      form.dataset.sent = "yes";
    });
  }
  // …also when the page comes back from the browser's memory
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
  });
})();

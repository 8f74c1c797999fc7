// A part of a page that says how far something has come looks again by itself; without a script, a reload does.
(() => {
  "use strict";

  const EVERY = 2000;
  const look = async () => {
    const shown = document.querySelector("[data-progress]");
    if (!shown) return;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" }, credentials: "same-origin" });
      if (answer.ok) {
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        const news = page.querySelector("[data-progress]");
        if (!news || !news.querySelector("progress")) {
          location.reload(); // it is over: the page has something else to offer
          return;
        }
        const focused = shown.contains(document.activeElement);
        if (!focused) shown.replaceWith(news);
        else shown.querySelector("dl").replaceWith(news.querySelector("dl"));
      }
    } catch { /* away for a moment: the next look tells */ }
    setTimeout(look, EVERY);
  };
  if (document.querySelector("[data-progress] progress")) setTimeout(look, EVERY);
})();

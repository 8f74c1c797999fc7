// How far work has come: what is marked is taken from the page as it is now. Without a script the page renews itself.
(() => {
  "use strict";

  const SECONDS = 2;
  const MOST = 30;
  let pause = SECONDS;

  const renew = async () => {
    if (document.hidden) return;
    const answer = await fetch(location.href, { credentials: "same-origin", redirect: "error" });
    if (!answer.ok) throw new Error(answer.statusText);
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (!fresh.querySelector("[data-renewing]")) {
      location.reload();
      return;
    }
    for (const old of document.querySelectorAll("[data-renews]")) {
      const found = fresh.querySelector(`[data-renews="${old.dataset.renews}"]`);
      if (!found) continue;
      for (const name of ["value", "max"]) {
        if (found.hasAttribute(name)) old.setAttribute(name, found.getAttribute(name));
      }
      if (old.textContent !== found.textContent) old.textContent = found.textContent;
    }
  };
  const again = () => {
    setTimeout(async () => {
      try {
        await renew();
        pause = SECONDS;
      } catch {
        pause = Math.min(pause * 2, MOST); // the server is away: ask less and less often
      }
      again();
    }, pause * 1000);
  };
  again();
})();

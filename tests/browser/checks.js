// What somebody would stumble over on a page, as a list of sentences. Everything that can be opened counts as open.
() => {
  const found = [];
  for (const one of document.querySelectorAll("details")) one.open = true;
  const short = (one) => `<${one.tagName.toLowerCase()}> "${(one.textContent || one.outerHTML).trim().slice(0, 40)}"`;
  const shown = (one) => one.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true });
  const hiddenFromEyes = (one) => one.closest(".visually-hidden, .skip") !== null;

  // Size
  const wide = document.documentElement.scrollWidth - window.innerWidth;
  if (wide > 0) {
    const who = [...document.querySelectorAll("body *")].find((one) => one.getBoundingClientRect().right > innerWidth + 1);
    found.push(`scrolls sideways by ${wide}: ${who ? short(who) : ""}`);
  }

  // Structure
  if (!document.documentElement.lang) found.push("no language");
  if (!document.title) found.push("no title");
  const headings = [...document.querySelectorAll("h1, h2, h3, h4, h5, h6")].filter(shown);
  const tops = headings.filter((one) => one.tagName === "H1").length;
  if (tops !== 1) found.push(`${tops} instead of 1 h1`);
  headings.forEach((one, place) => {
    const before = place ? +headings[place - 1].tagName[1] : 1;
    if (+one.tagName[1] > before + 1) found.push(`h${one.tagName[1]} after h${before}: ${short(one)}`);
  });
  const ids = [...document.querySelectorAll("[id]")].map((one) => one.id);
  for (const id of new Set(ids.filter((id, place) => ids.indexOf(id) !== place))) found.push(`the id ${id} twice`);
  for (const one of document.querySelectorAll("[aria-labelledby], [aria-describedby]")) {
    for (const id of `${one.getAttribute("aria-labelledby") || ""} ${one.getAttribute("aria-describedby") || ""}`.split(" ")) {
      if (id && !document.getElementById(id)) found.push(`nothing has the id ${id} that ${short(one)} speaks of`);
    }
  }

  // Names
  const named = (one) => (one.textContent.trim() || one.getAttribute("aria-label") || "").length > 0;
  for (const one of document.querySelectorAll("input:not([type=hidden]), select, textarea")) {
    if (!one.labels.length && !one.getAttribute("aria-label")) found.push(`no label: ${one.outerHTML.slice(0, 80)}`);
  }
  for (const one of document.querySelectorAll("a[href], button, summary")) {
    if (!named(one)) found.push(`no name: ${one.outerHTML.slice(0, 80)}`);
  }
  for (const one of document.querySelectorAll("img:not([alt])")) found.push(`no alt: ${one.outerHTML.slice(0, 80)}`);

  // Fingers: WCAG 2.2 asks for 24 by 24, links within a text excepted
  for (const one of document.querySelectorAll("button, .btn, input:not([type=hidden]), select, nav a")) {
    const box = one.getBoundingClientRect();
    if (shown(one) && box.width && (box.width < 20 || box.height < 20)) found.push(`too small for a finger: ${short(one)}`);
  }

  // Contrast of every text with what it stands on
  const part = (value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
  const light = ([red, green, blue]) => 0.2126 * part(red / 255) + 0.7152 * part(green / 255) + 0.0722 * part(blue / 255);
  const read = (text) => {
    const numbers = text.match(/[\d.]+/g).map(Number);
    return text.startsWith("color(srgb") ? numbers.map((one, place) => (place < 3 ? one * 255 : one)) : numbers;
  };
  const over = (front, back) => {
    const alpha = front[3] ?? 1;
    return [0, 1, 2].map((place) => front[place] * alpha + back[place] * (1 - alpha));
  };
  const ground = (one) => {
    if (!one) return [255, 255, 255];
    const own = read(getComputedStyle(one).backgroundColor);
    return (own[3] ?? 1) === 1 ? own : over(own, ground(one.parentElement));
  };
  const told = new Set();
  for (const one of document.querySelectorAll("body *")) {
    const text = [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!text || !shown(one) || hiddenFromEyes(one) || one.disabled) continue;
    const style = getComputedStyle(one), back = ground(one), front = over(read(style.color), back);
    const [high, low] = [light(front), light(back)].sort((a, b) => b - a);
    const ratio = (high + 0.05) / (low + 0.05), size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && +style.fontWeight >= 700);
    const key = `${style.color} on ${back}`;
    if (ratio < (large ? 3 : 4.5) && !told.has(key)) {
      told.add(key);
      found.push(`contrast ${ratio.toFixed(2)} (${key}): ${short(one)}`);
    }
  }
  return found;
}

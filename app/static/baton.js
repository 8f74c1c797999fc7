/* Baton: <script async src="…/baton.js" data-consent="required"></script> */
((d, n) => {
const tag = d.currentScript || d.querySelector('script[src*="baton.js"]');
const target = new URL("/track", tag?.src || location) + "";
const refused = n.globalPrivacyControl || n.doNotTrack === "1";
const campaign = /^utm_(source|medium|campaign|term|content|id)$/;
const click = /^((g|fb|tt)clid|[gw]braid|msclkid|li_fat_id)$/;
let allowed = !refused && tag?.dataset.consent !== "required";
let seen, before, submission, submitted = 0;

const random = () =>
  [...crypto.getRandomValues(new Uint8Array(16))].map((b) => (b + 256).toString(16).slice(1)).join("");
const keep = (id, age) =>
  d.cookie = `baton_id=${id};path=/;max-age=${age};samesite=lax${/^https/.test(location) ? ";secure" : ""}`;
const visitor = () => {
  const id = d.cookie.match(/(^|; )baton_id=([\w-]{16,64})(;|$)/)?.[2] || random();
  keep(id, 34164000); // 13 months
  return id;
};
// What may be personal in an address stays here.
const clean = (address, bare) => {
  if (!address) return "";
  const url = new URL(address), kept = new URLSearchParams();
  for (const [name, value] of bare ? [] : url.searchParams)
    if (campaign.test(name) || click.test(name)) kept.append(name, value);
  return url.origin + url.pathname + (`${kept}` && `?${kept}`);
};
// The first and the newest campaign that led here.
const campaigns = () => {
  const now = {};
  for (const [name, value] of new URL(location).searchParams)
    if (campaign.test(name)) now[name] = now[`first_${name}`] = value.slice(0, 200);
  try {
    const old = JSON.parse(localStorage.baton_utm || "{}");
    if (!Object.keys(now)[0]) return old;
    for (const name in old) if (/^first_/.test(name)) now[name] = old[name];
    localStorage.baton_utm = JSON.stringify(now);
  } catch {}
  return now;
};
const send = (event, properties) => {
  if (!allowed) return;
  const body = JSON.stringify({
    id: random(), anonymous_id: visitor(), event, properties, url: clean(location),
    referrer: clean(before, 1), title: d.title, sent_at: new Date(),
  });
  if (!n.sendBeacon?.(target, body))
    fetch(target, { method: "POST", body, keepalive: true, mode: "no-cors" }).catch(() => {});
};
const fill = () => {
  if (!allowed) return;
  const ga = d.cookie.match(/\b_ga=([^;]+)/); // Google Analytics
  const values = {
    anonymous_id: visitor(), submission_id: submission, page_url: clean(location),
    referrer: clean(before, 1), ...campaigns(),
    ...(ga && { ga_client_id: ga[1], ga_session_id: d.cookie.match(/\b_ga_\w+=[^;]+/g) }),
  };
  for (const form of d.querySelectorAll('form[data-baton],form[action*="/forms/"]'))
    for (const name in values) {
      const input = form.querySelector(`input[name="${name}"]`) ||
        Object.assign(form.appendChild(d.createElement("input")), { type: "hidden", name });
      if (!input.value || input.baton) Object.assign(input, { baton: 1, value: values[name] || "" }); // theirs stays
    }
};
const page = () => {
  const [here] = location.href.split("#");
  if (!allowed || here === seen) return;
  before = seen || d.referrer;
  seen = here;
  fill();
  send("page.viewed");
};
const consent = (given) => {
  if ((allowed = given && !refused)) return page();
  seen = "";
  keep("", 0);
  for (const input of d.querySelectorAll("input")) if (input.baton) input.value = "";
  try { delete localStorage.baton_utm; } catch {}
};
window.baton = {
  track: (name, properties) => send(/[.:]/.test(name) ? name : `custom:${name}`, properties), page, consent,
};
if (refused) return;

d.addEventListener("submit", () => {
  // A double click is one submission.
  if (Date.now() - submitted > 1e4) submission = random();
  submitted = Date.now();
  fill();
}, true);
const push = history.pushState;
history.pushState = (...step) => {
  push.apply(history, step);
  setTimeout(page); // first the new title
};
addEventListener("popstate", () => setTimeout(page));
addEventListener("DOMContentLoaded", fill);
d.addEventListener("prerenderingchange", page);
if (!d.prerendering) page();
})(document, navigator);

/* Baton: forms that ask only what is not known. <script async src="…/baton-ask.js"></script>, and data-baton-ask on the
   form. Its markup holds all questions, each in a data-baton-field="name": without this script a form asks them all. */
((d, n) => {
const home = new URL(d.currentScript.src).origin;
const unfollowed = n.globalPrivacyControl || n.doNotTrack === "1";
// baton.js keeps a visitor's id only where the visitor agreed to it
const visitor = unfollowed ? null : d.cookie.match(/(?:^|; )baton_id=([\w-]{16,64})(?:;|$)/);

const field = (one) => {
  const label = d.createElement("label"), choice = one.type === "select";
  const input = d.createElement(choice ? "select" : one.type === "lines" ? "textarea" : "input");
  const types = { phone: "tel", number: "number", date: "date", email: "email" };
  if (types[one.type]) input.type = types[one.type];
  if (choice) for (const text of ["", ...one.options]) input.add(new Option(text));
  input.name = one.name;
  label.append(one.label, " ", input);
  return label;
};
const ask = async (form) => {
  const name = (form.action.match(/\/forms\/([\w.-]+)/) || [])[1];
  const answer = await fetch(`${home}/forms/${name}/fields${visitor ? `?visitor=${visitor[1]}` : ""}`);
  if (!answer.ok) return; // all questions stay
  const { fields } = await answer.json();
  const places = [...form.querySelectorAll("[data-baton-field]")];
  for (const place of places)
    if (!fields.some((one) => one.name === place.dataset.batonField)) place.remove();
  const more = form.querySelector("[data-baton-questions]");
  for (const one of fields)
    if (more && !places.some((place) => place.dataset.batonField === one.name)) more.append(field(one));
};
const begin = () => d.querySelectorAll("form[data-baton-ask]").forEach((form) => ask(form).catch(() => {}));
if (d.readyState === "loading") d.addEventListener("DOMContentLoaded", begin);
else begin();
})(document, navigator);

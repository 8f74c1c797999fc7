// A page to run baton.js in, given as its text and what the page is like. It does what "steps" say and tells what
// happened. Only what the script touches is there, under the names by which the script knows it.
([script, page]) => {
  const happened = { sent: [], cookies: [], fields: [], forms: [], listeners: [], stored: {} };
  const jar = {}, listeners = {}, timers = [];
  let href = page.href || "https://www.example.com/pricing?utm_source=news&email=ada@example.com&gclid=G1#top";

  class Form {
    constructor(attributes) {
      this.attributes = attributes;
      this.inputs = (attributes.inputs || []).map((input) => ({ ...input }));
    }
    querySelector(selector) {
      return this.inputs.find((input) => `input[name="${input.name}"]` === selector) || null;
    }
    appendChild(input) {
      this.inputs.push(input);
      return input;
    }
  }
  const forms = (page.forms || []).map((attributes) => new Form(attributes));
  const listen = (type, callback) => (listeners[type] = listeners[type] || []).push(callback);
  const fire = (type) => (listeners[type] || []).forEach((callback) => callback({ type }));
  const rest = () => timers.splice(0).forEach((callback) => callback());

  const document = {
    currentScript: { src: "https://baton.example.org/baton.js", dataset: page.dataset || {} },
    title: "Pricing",
    referrer: page.referrer === undefined ? "https://search.example/find?q=secret" : page.referrer,
    prerendering: !!page.prerendering,
    get cookie() {
      return Object.entries(jar).map(([name, value]) => `${name}=${value}`).join("; ");
    },
    set cookie(text) {
      happened.cookies.push(text);
      const [name, value] = text.split(";")[0].split("=");
      if (/max-age=0/.test(text)) delete jar[name];
      else jar[name] = value;
    },
    createElement: (name) => globalThis.document.createElement(name),
    querySelector: () => null,
    querySelectorAll: (selector) =>
      selector === "input"
        ? forms.flatMap((form) => form.inputs)
        : forms.filter(({ attributes }) => "data-baton" in attributes || /\/forms\//.test(attributes.action || "")),
    addEventListener: listen,
  };
  const context = {
    document,
    addEventListener: listen,
    fetch: (url, options) => {
      happened.sent.push({ by: "fetch", url, body: JSON.parse(options.body), keepalive: options.keepalive });
      return Promise.resolve();
    },
    history: { pushState: (state, title, url) => (href = new URL(url, href).href) },
    location: {
      get href() { return href; },
      get protocol() { return new URL(href).protocol; },
      toString: () => href,
    },
    navigator: {
      doNotTrack: page.dnt,
      globalPrivacyControl: page.gpc,
      sendBeacon: (url, body) => {
        if (page.beacon !== false) happened.sent.push({ by: "beacon", url, body: JSON.parse(body) });
        return page.beacon !== false;
      },
    },
    setTimeout: (callback) => timers.push(callback),
    localStorage: page.storage === false ? undefined : happened.stored,
  };
  context.window = context;
  Object.assign(jar, page.jar || {});
  new Function(...Object.keys(context), script)(...Object.values(context));
  fire("DOMContentLoaded");
  for (const [step, ...values] of page.steps || []) {
    if (step === "go") context.history.pushState({}, "", values[0]);
    else if (step === "fire") fire(values[0]);
    else if (step === "note") happened.fields.push(forms.map((form) => form.inputs.map(({ name, value }) => [name, value])));
    else context.baton[step](...values);
    rest();
  }
  happened.forms = forms.map((form) => Object.fromEntries(form.inputs.map(({ name, value }) => [name, value])));
  happened.listeners = Object.keys(listeners);
  happened.jar = jar;
  return happened;
}

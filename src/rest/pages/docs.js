// The API, read from its own document, and a way to call it.

import { Refused, headers, json, needsKey } from "./api.js";
import { by, el, nothing, spelled, waiting, wrong } from "./dom.js";
import { fields, resolve, sample } from "./schema.js";
import { keys, theme } from "./theme.js";

/** Headers of an answer that are worth a look. */
const SHOWN = ["content-type", "x-total-count", "x-wagroups-reason", "x-wagroups-sequence", "retry-after"];
const MOST = 200_000;

let calls = [];
let running;

theme();
keys(() => {});

async function start() {
  by("call").replaceChildren(waiting(5));
  try {
    const book = await json("/openapi.json");
    calls = Object.entries(book.paths).flatMap(([path, item]) =>
      ["get", "post", "put", "delete"].filter((method) => item[method]).map((method) => call(book, path, method, item[method])),
    );
    contents(book);
    go();
  } catch (error) {
    by("call").replaceChildren(wrong(error, start));
  }
}

function call(book, path, method, operation) {
  const parameters = (operation.parameters ?? []).map((parameter) => resolve(book, parameter));
  const body = operation.requestBody?.content["application/json"]?.schema;
  return { book, path, method, operation, parameters, body, id: operation.operationId, tag: operation.tags[0] };
}

function contents(book) {
  const list = by("calls");
  for (const { name } of book.tags) {
    const links = calls.filter(({ tag }) => tag === name).map(({ id, method, operation }) =>
      el(
        "a",
        { href: `#/${id}`, "data-id": id },
        el("span", { class: `method ${method}` }, method.toUpperCase()),
        el("span", {}, operation.summary),
      ),
    );
    list.append(el("section", {}, el("h2", {}, name), links));
  }
  by("find").addEventListener("input", () => {
    const wanted = by("find").value.trim().toLowerCase();
    for (const link of list.querySelectorAll("a")) {
      const { path, id } = calls.find((known) => known.id === link.dataset.id);
      link.hidden = !`${link.textContent} ${path} ${id}`.toLowerCase().includes(wanted);
    }
    for (const part of list.children) part.hidden = !part.querySelector("a:not([hidden])");
  });
}

function go() {
  const id = location.hash.slice(2);
  const chosen = calls.find((known) => known.id === id) ?? calls[0];
  if (!chosen) return by("call").replaceChildren(nothing("No calls", "The document is empty."));
  for (const link of by("calls").querySelectorAll("a")) {
    link.setAttribute("aria-current", String(link.dataset.id === chosen.id));
  }
  running?.abort();
  show(chosen);
}

function show(chosen) {
  const { method, path, operation, book } = chosen;
  const form = inputs(chosen);
  by("call").replaceChildren(
    el("h1", {}, operation.summary),
    el("p", { class: "path mono" }, el("span", { class: `method ${method}` }, method.toUpperCase()), el("span", {}, path)),
    operation.description ? el("p", { class: "muted" }, spelled(operation.description)) : "",
    el("h2", {}, "Try it"),
    form,
    el("h2", {}, "Answers"),
    ...Object.entries(operation.responses).map(([status, response]) => answer(book, status, resolve(book, response))),
  );
  by("call").scrollTop = 0;
}

function answer(book, status, response) {
  const [[type, content] = []] = Object.entries(response.content ?? {});
  const schema = content?.schema && resolve(book, content.schema);
  const parts = [];
  if (type === "application/json") {
    parts.push(fields(book, schema));
    parts.push(el("pre", { tabindex: "0" }, JSON.stringify(sample(book, schema), null, 2)));
  } else if (type) {
    parts.push(el("span", { class: "muted small" }, type), el("pre", { tabindex: "0" }, String(content.example ?? "")));
  } else {
    parts.push(el("span", { class: "muted" }, "without a body"));
  }
  const tone = status < 400 ? "good" : "bad";
  return el(
    "details",
    { open: status < 400 && status !== "202" },
    el("summary", {}, el("span", { class: `code ${tone}` }, status), el("span", {}, spelled(response.description))),
    el("div", {}, parts),
  );
}

function inputs(chosen) {
  const { book, parameters, body } = chosen;
  const form = el("form", { class: "card" });
  const rows = parameters.map((parameter) => {
    const schema = resolve(book, parameter.schema);
    const choices = schema.items?.enum;
    const hint = [parameter.description, choices ? `One of: ${choices.filter(Boolean).join(", ")}.` : ""].filter(Boolean);
    const field = schema.enum || schema.type === "boolean" ? choice(parameter, schema) : el("input", {
      class: "field",
      name: parameter.name,
      required: parameter.required,
      value: parameter.in === "path" ? parameter.example : null,
      placeholder: parameter.example ?? schema.default,
      spellcheck: "false",
      autocomplete: "off",
    });
    const needed = parameter.required ? el("span", { class: "needed", title: "needed" }, " *") : null;
    const name = el("span", { class: "name mono" }, parameter.name, needed);
    return el("label", {}, name, field, el("span", { class: "hint muted small" }, spelled(hint.join(" "))));
  });
  if (body) {
    const text = JSON.stringify(sample(book, resolve(book, body)), null, 2);
    const area = el("textarea", { class: "field", name: "body", rows: Math.min(14, text.split("\n").length + 1), spellcheck: "false" });
    area.value = text;
    rows.push(el("label", {}, el("span", { class: "name mono" }, "body"), area));
  }
  const send = el("button", { class: "button first", type: "submit" }, "Send");
  const stop = el("button", { class: "button", type: "button", hidden: true }, "Stop");
  const copy = el("button", { class: "plain", type: "button" }, "Copy as curl");
  const said = el("div", { class: "answer", "aria-live": "polite" });
  stop.addEventListener("click", () => running?.abort());
  copy.addEventListener("click", async () => {
    await navigator.clipboard.writeText(curl(asked(chosen, form)));
    copy.textContent = "Copied";
    setTimeout(() => (copy.textContent = "Copy as curl"), 1500);
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    running?.abort();
    running = new AbortController();
    send.disabled = true;
    stop.hidden = false;
    await ask(asked(chosen, form), running.signal, said);
    send.disabled = false;
    stop.hidden = true;
  });
  form.append(el("div", { class: "inputs" }, rows), el("div", { class: "doing" }, send, stop, copy), said);
  return form;
}

function choice({ name, required }, schema) {
  const values = schema.enum ?? ["true", "false"];
  const options = [...(required ? [] : [""]), ...values].map((value) => el("option", { value }, value || "–"));
  return el("select", { class: "field", name, required }, options);
}

/** The request that the form stands for. */
function asked({ method, path, parameters, body }, form) {
  const query = new URLSearchParams();
  const named = {};
  let address = path;
  for (const { name, in: where } of parameters) {
    const value = form.elements[name].value.trim();
    if (where === "path") address = address.replace(`{${name}}`, encodeURIComponent(value));
    else if (value && where === "query") value.split(",").forEach((each) => query.append(name, each.trim()));
    else if (value) named[name] = value;
  }
  if (body) named["Content-Type"] = "application/json";
  const text = query.size ? `${address}?${query}` : address;
  return { method: method.toUpperCase(), address: text, named, body: body ? form.elements.body.value : undefined };
}

/** The key is not put into what is copied. */
function curl({ method, address, named, body }) {
  const quoted = (text) => `'${text.replaceAll("'", String.raw`'\''`)}'`;
  const lines = [`curl -X ${method} ${quoted(location.origin + address)}`, `  -H "X-Api-Key: $KEY"`];
  for (const [name, value] of Object.entries(named)) lines.push(`  -H ${quoted(`${name}: ${value}`)}`);
  if (body !== undefined) lines.push(`  -d ${quoted(body)}`);
  return lines.join(" \\\n");
}

async function ask({ method, address, named, body }, signal, box) {
  const began = performance.now();
  const text = el("pre", { tabindex: "0" });
  try {
    const answered = await fetch(address, { method, body, signal, headers: headers(named), cache: "no-store" });
    const tone = answered.ok ? "good" : "bad";
    const took = el("span", { class: "tag" }, `${Math.round(performance.now() - began)} ms`);
    const told = SHOWN.filter((name) => answered.headers.has(name)).map((name) =>
      el("span", { class: "tag" }, `${name}: ${answered.headers.get(name)}`),
    );
    box.replaceChildren(el("p", { class: "line" }, el("span", { class: `code ${tone}` }, `${answered.status} ${answered.statusText}`), took, told), text);
    if (answered.status === 401) needsKey.dispatchEvent(new Event("needed"));
    await read(answered, text);
  } catch (error) {
    if (error.name === "AbortError") return;
    box.replaceChildren(wrong(new Refused("The service does not answer.", 0, "")));
  }
}

/** A stream shows as it comes; JSON is laid out when it is whole. */
async function read(answered, text) {
  const reader = answered.body.pipeThrough(new TextDecoderStream()).getReader();
  let all = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) break;
    all = (all + value).slice(-MOST);
    text.textContent = all;
  }
  if (answered.headers.get("content-type")?.startsWith("application/json")) {
    try {
      text.textContent = JSON.stringify(JSON.parse(all), null, 2);
    } catch {
      // Too long to be whole: it stays as it came.
    }
  }
  if (!all) text.textContent = "(nothing)";
}

addEventListener("hashchange", go);
start();

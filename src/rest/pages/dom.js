// Makes elements. Whatever comes from outside becomes text, and nothing else: there is no way here to make
// markup out of a string.

/** `el("b", { class: "name" }, "text", other)` */
export function el(tag, properties, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "on") {
      for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    } else {
      element.setAttribute(name, value === true ? "" : String(value));
    }
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
}

export const by = (id) => document.getElementById(id);

export function waiting(lines = 6) {
  const parts = Array.from({ length: lines }, () => el("span"));
  return el("div", { class: "waiting", role: "status", "aria-label": "Loading" }, parts);
}

export function nothing(title, text) {
  return el("div", { class: "state" }, el("strong", {}, title), text ? el("p", {}, text) : null);
}

/** What went wrong, and a way to try again. */
export function wrong(error, retry) {
  const again = retry && el("button", { class: "button", type: "button", on: { click: retry } }, "Try again");
  const reason = error.reason ? el("code", {}, error.reason) : null;
  return el(
    "div",
    { class: "state wrong", role: "alert" },
    el("strong", {}, "This did not work"),
    el("p", {}, error.message),
    reason,
    again,
  );
}

/** A square with a letter, in a colour of its own. */
export function face(name, id, large) {
  const letter = [...name.trim()][0] ?? "#";
  const square = el("span", { class: large ? "face large" : "face", "aria-hidden": "true" }, letter.toUpperCase());
  let hash = 0;
  for (const character of id) hash = (hash * 31 + character.codePointAt(0)) % 360;
  square.style.setProperty("--hue", String(hash));
  return square;
}

/** Numbers of people, by their hidden ids, as far as they were seen. */
const numbers = new Map();

export function introduce(people) {
  for (const { id, pn } of people ?? []) if (pn && pn !== id) numbers.set(id, pn);
}

/** A person as people write one: the number where it is known. */
export function person(id, number) {
  const shown = number || numbers.get(id) || id || "";
  const [digits, server] = shown.split("@");
  return server === "c.us" || server === "s.whatsapp.net" ? `+${digits}` : shown;
}

const times = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
const days = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });

/** The time of day; with the day where it is another one. */
export function when(milliseconds) {
  const time = new Date(milliseconds);
  const isToday = time.toDateString() === new Date().toDateString();
  const text = isToday ? times.format(time) : `${days.format(time)} ${times.format(time)}`;
  return el("time", { datetime: time.toISOString(), title: time.toLocaleString() }, text);
}

/** A text in which `code` stands between backticks. */
export function spelled(text) {
  return text.split("`").map((part, index) => (index % 2 ? el("code", {}, part) : part));
}

/** Calls the last of several calls, when it has been quiet for a while. */
export function settled(milliseconds, call) {
  let timer;
  return (...values) => {
    clearTimeout(timer);
    timer = setTimeout(() => call(...values), milliseconds);
  };
}

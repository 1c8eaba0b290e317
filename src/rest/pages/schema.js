// What a schema says, and an example of it.

import { el, spelled } from "./dom.js";

const DEPTH = 6;

export function resolve(book, thing) {
  let found = thing;
  while (found?.$ref) {
    found = found.$ref.slice(2).split("/").reduce((place, part) => place?.[part.replaceAll("~1", "/")], book);
  }
  return found ?? {};
}

const typesOf = (schema) => [schema.type ?? []].flat();

export function sample(book, given, depth = 0) {
  const schema = resolve(book, given);
  if (schema.example !== undefined) return schema.example;
  if (schema.examples?.length) return schema.examples[0];
  if (schema.default !== undefined) return schema.default;
  if (schema.enum) return schema.enum[0];
  if (schema.oneOf) return sample(book, schema.oneOf.find((one) => resolve(book, one).type !== "null"), depth);
  if (depth > DEPTH) return null;
  const [type] = typesOf(schema).filter((one) => one !== "null");
  if (type === "object") {
    const own = Object.entries(schema.properties ?? {}).map(([name, of]) => [name, sample(book, of, depth + 1)]);
    const more = typeof schema.additionalProperties === "object" && !own.length;
    return more ? { "…": sample(book, schema.additionalProperties, depth + 1) } : Object.fromEntries(own);
  }
  if (type === "array") return [sample(book, schema.items, depth + 1)];
  return { string: "…", integer: schema.minimum ?? 0, number: 0, boolean: true }[type] ?? null;
}

function typeOf(book, given) {
  const schema = resolve(book, given);
  if (schema.oneOf) return schema.oneOf.map((one) => typeOf(book, one)).join(" or ");
  if (schema.enum) return schema.enum.map((one) => JSON.stringify(one)).join(" | ");
  const types = typesOf(schema).map((type) => (type === "array" ? `list of ${typeOf(book, schema.items)}` : type));
  const limits = [];
  if (schema.format) limits.push(schema.format);
  if (schema.maxLength) limits.push(`at most ${schema.maxLength} characters`);
  if (schema.maxItems) limits.push(`at most ${schema.maxItems}`);
  return [types.join(" or ") || "anything", ...limits].join(", ");
}

/** What the values of a schema consist of, if not of themselves. */
function inside(book, given) {
  const schema = resolve(book, given);
  if (schema.properties) return schema;
  if (schema.items) return inside(book, schema.items);
  const one = schema.oneOf?.map((each) => inside(book, each)).find(Boolean);
  return one ?? (typeof schema.additionalProperties === "object" ? inside(book, schema.additionalProperties) : undefined);
}

/** The fields of an object, of the objects of a list, and so on inwards. */
export function fields(book, given, depth = 0) {
  const schema = inside(book, given);
  if (!schema || depth > DEPTH) return el("span", { class: "type" }, typeOf(book, given));
  const needed = new Set(schema.required ?? []);
  const rows = Object.entries(schema.properties).map(([name, of]) => {
    const description = of.description ?? resolve(book, of).description;
    const deeper = inside(book, of) ? fields(book, of, depth + 1) : null;
    return el(
      "li",
      {},
      el("code", {}, name, needed.has(name) ? "" : "?"),
      " ",
      el("span", { class: "type" }, typeOf(book, of)),
      description ? el("span", { class: "muted small" }, " ", spelled(description)) : null,
      deeper,
    );
  });
  return el("ul", { class: "fields" }, rows);
}

// Light or dark: as the system has it, until somebody chooses.

import { by } from "./dom.js";
import { key, needsKey } from "./api.js";

const KEPT = "wagroups.theme";

export function theme() {
  const root = document.documentElement;
  const kept = localStorage.getItem(KEPT);
  if (kept) root.dataset.theme = kept;
  by("theme").addEventListener("click", () => {
    const dark = root.dataset.theme
      ? root.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    localStorage.setItem(KEPT, root.dataset.theme);
  });
}

/** Asks for a key where one is needed, and calls `changed` with each that is given. */
export function keys(changed) {
  const dialog = by("asks-key");
  const input = by("asks-key-input");
  const complaint = by("asks-key-complaint");
  const open = (text) => {
    complaint.textContent = text;
    complaint.hidden = !text;
    if (!dialog.open) dialog.showModal();
    input.select();
  };
  needsKey.addEventListener("needed", () => open(key.get() ? "This key is not known to the service." : ""));
  by("key").addEventListener("click", () => {
    input.value = key.get();
    open("");
  });
  by("asks-key-forget").addEventListener("click", () => {
    key.set("");
    input.value = "";
    dialog.close();
    changed();
  });
  dialog.querySelector("form").addEventListener("submit", (event) => {
    event.preventDefault();
    key.set(input.value.trim());
    dialog.close();
    changed();
  });
}


// What the cells and the answers of a page share.
import { progressBox, python } from "./python.js";

export const make = (name, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
};

// What the reader wrote on this page, kept in the browser if it keeps things.
export class Kept {
  constructor(kind) {
    this.key = `gdbp:${kind}:${location.pathname}`;
  }

  all() {
    try {
      return JSON.parse(localStorage.getItem(this.key)) ?? {};
    } catch {
      return {};
    }
  }

  set(name, value) {
    try {
      const all = this.all();
      if (value === null) delete all[name];
      else all[name] = value;
      if (Object.keys(all).length) localStorage.setItem(this.key, JSON.stringify(all));
      else localStorage.removeItem(this.key);
    } catch {
      // a private window, or a full disk: what is written lasts as long as the page
    }
  }
}

let progress;

// A button that starts something in Python, and stops it while it runs.
export function runButton(name, label, place, work) {
  const button = make("button", { type: "button", className: "run", textContent: name, ariaLabel: `${name} ${label}` });
  const become = (text, running) => {
    button.textContent = text;
    button.ariaLabel = `${text} ${label}`;
    button.classList.toggle("running", running);
  };
  button.addEventListener("click", async () => {
    if (button.classList.contains("running")) return python.stop();
    progress ??= progressBox();
    place.after(progress);
    become(say("Stop"), true);
    try {
      await work();
    } finally {
      become(name, false);
    }
  });
  return button;
}

export { python };

// Move an explorer: each change of a control asks the book's own Python for a new picture and new
// numbers. Nothing is computed here but where a pixel lies on a scale. Python starts at the first
// change, not before.
import { progressBox, python } from "./python.js";

const SAY_AFTER = 800; // milliseconds without a change, before the numbers are said
const DEGREES_PER_PIXEL = 0.5;

class Explorer {
  #asked = null; // the arguments to ask for next: the latest only
  #running = false;
  #resets = 0; // an answer to what was asked before the last is no longer wanted
  #saying = null;
  #box = null; // of the progress

  constructor(figure) {
    const find = (selector) => figure.querySelector(selector);
    this.name = figure.dataset.explorer;
    this.form = find("form");
    this.picture = find(".explorer-picture");
    this.state = find(".explorer-state");
    this.hint = find(".explorer-state p");
    this.values = find(".explorer-values");
    this.said = find(".explorer-said");
    this.problem = Object.assign(document.createElement("p"), { className: "explorer-problem", id: `${figure.id}-problem` });
    this.problem.setAttribute("role", "alert");
    this.state.append(this.problem);
    this.first = { picture: this.picture.innerHTML, values: this.values.innerHTML };

    if (!python.available) {
      this.hint.textContent = say("This copy of the book was built without Python for the browser.");
      return;
    }
    find("fieldset").disabled = false;
    this.form.addEventListener("input", ({ target }) => target.type === "range" && this.#changed());
    this.form.addEventListener("change", ({ target }) => target.type !== "range" && this.#changed());
    this.form.addEventListener("submit", (event) => event.preventDefault());
    this.form.addEventListener("reset", () => this.#reset());
    this.#letDrag();
  }

  #changed() {
    this.#showSettings();
    this.#asked = this.#read();
    this.#ask();
  }

  #read() {
    const fields = [...this.form.elements].filter(({ name }) => name);
    const value = ({ type, value }) => (type === "range" || type === "number" ? (value === "" ? null : Number(value)) : value);
    return Object.fromEntries(fields.map((field) => [field.name, value(field)]));
  }

  #showSettings() {
    for (const setting of this.form.querySelectorAll(".explorer-setting")) {
      setting.textContent = setting.previousElementSibling.value;
    }
  }

  // Ask one thing at a time; what was moved meanwhile is asked next, and what lay between, never.
  async #ask() {
    if (this.#running) return;
    this.#running = true;
    if (!this.#box) this.state.append((this.#box = progressBox()));
    this.hint.hidden = true;
    while (this.#asked) {
      const [args, resets] = [this.#asked, this.#resets];
      this.#asked = null;
      try {
        const { picture, values } = await python.call("python_explorers.call", { explorer: this.name, arguments: args });
        if (resets === this.#resets) this.#show(picture, values);
      } catch (error) {
        if (resets === this.#resets) this.#fail(error);
      }
    }
    this.#running = false;
  }

  #show(picture, values) {
    this.picture.innerHTML = picture;
    const part = (name, text) => Object.assign(document.createElement(name), { textContent: text });
    const row = (label, text) => {
      const pair = document.createElement("div");
      pair.append(part("dt", label), part("dd", text));
      return pair;
    };
    this.values.replaceChildren(...values.map(([label, text]) => row(label, text)));
    this.#complain("");
    clearTimeout(this.#saying);
    this.#saying = setTimeout(() => {
      this.said.textContent = values.map(([label, number]) => say("{label}: {number}", { label, number })).join(say("; "));
    }, SAY_AFTER);
  }

  // The last good picture stays. Python's message begins with the name of the argument.
  #fail({ name, message }) {
    if (name === "Stopped") this.hint.hidden = false;
    else this.#complain(message);
  }

  #complain(message) {
    const words = message.replace(/^\w+: /, ""); // not the type of the error
    this.problem.textContent = words;
    for (const field of this.form.querySelectorAll("[name]")) {
      const wrong = words.startsWith(`${field.name} `);
      for (const [name, value] of [["aria-invalid", "true"], ["aria-describedby", this.problem.id]]) {
        if (wrong) field.setAttribute(name, value);
        else field.removeAttribute(name);
      }
    }
  }

  #reset() {
    this.#asked = null;
    this.#resets += 1;
    this.picture.innerHTML = this.first.picture;
    this.values.innerHTML = this.first.values;
    this.#complain("");
    clearTimeout(this.#saying);
    setTimeout(() => this.#showSettings()); // when the browser has set the controls back
  }

  // --- dragging: a pixel becomes a number on the scale of the axes ---------------------------------

  #letDrag() {
    let drag = null;
    this.picture.addEventListener("pointerdown", (event) => {
      drag = this.#grab(event);
      if (!drag) return;
      event.preventDefault();
      this.picture.setPointerCapture(event.pointerId);
    });
    this.picture.addEventListener("pointermove", (event) => drag?.(event));
    this.picture.addEventListener("pointerup", (event) => {
      drag?.(event); // a click alone moves the point as well
      drag = null;
    });
    this.picture.addEventListener("pointercancel", () => (drag = null)); // the page scrolls instead
  }

  // Return what a move of the pointer does: it sets a point, or turns the picture, or nothing.
  #grab({ target, clientX, clientY, pointerType }) {
    const axes = target.closest(".axes");
    const turns = axes?.dataset.turns?.split(" ");
    if (turns) {
      const [around, above] = turns.map((name) => Number(this.form.elements[name].value));
      return (now) =>
        this.#set(turns, [
          around - (now.clientX - clientX) * DEGREES_PER_PIXEL,
          above + (now.clientY - clientY) * DEGREES_PER_PIXEL,
        ]);
    }
    // A finger has to meet the point, because elsewhere it scrolls the page.
    const handle = pointerType === "touch" ? target.closest(".handle") : axes?.querySelector(".handle");
    if (!handle) return null;
    const frame = axes.querySelector(".frame").getBoundingClientRect();
    const [[left, right], [bottom, top]] = ["x", "y"].map((scale) => axes.dataset[scale].split(" ").map(Number));
    const names = handle.dataset.moves.split(" ");
    return (now) =>
      this.#set(names, [
        left + ((now.clientX - frame.left) / frame.width) * (right - left),
        top - ((now.clientY - frame.top) / frame.height) * (top - bottom),
      ]);
  }

  // A control rounds a number to its own steps. Where that changes nothing, Python need not start.
  #set(names, numbers) {
    const fields = names.map((name) => this.form.elements[name]);
    const before = fields.map(({ value }) => value);
    fields.forEach((field, k) => (field.value = numbers[k]));
    if (fields.some(({ value }, k) => value !== before[k])) this.#changed();
  }
}

for (const figure of document.querySelectorAll("figure.explorer")) new Explorer(figure);

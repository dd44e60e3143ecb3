// Run and edit the code cells of a chapter (python_cells.py runs them). Nothing is fetched before the
// first press: neither Python nor the editor.
import { Kept, make, python, runButton } from "./live.js";

const IN_LINK = "#cells=";
const MOST_BYTES = 200_000; // of the edits in a link

const book = JSON.parse(document.getElementById("cell-sources").textContent);
const kept = new Kept("cells");
const cells = new Map();

const sources = () => book.map((source, index) => cells.get(index)?.source ?? source);

// A number that tells whether an edit still fits the cell that it is an edit of (FNV-1a).
function fingerprint(text) {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash.toString(36);
}

class LiveCell {
  constructor(bar) {
    this.index = Number(bar.dataset.cell);
    this.source = this.original = book[this.index];
    this.bar = bar;
    this.cell = bar.closest(".cell");
    this.input = bar.previousElementSibling;
    this.output = new Output(this.cell);
    this.editor = null; // CodeMirror's view
    this.box = null; // what stands in the place of the book's code

    const label = say("cell {number}", { number: this.index + 1 });
    const button = (name, press) => {
      const made = make("button", { type: "button", textContent: name, ariaLabel: `${name} ${label}` });
      made.addEventListener("click", press);
      return made;
    };
    this.label = label;
    this.run = runButton(say("Run"), label, bar, () => this.#run());
    this.editButton = button(say("Edit"), () => this.edit());
    this.setBackButton = button(say("Set back"), () => this.setBack());
    this.copyButton = button(say("Copy link"), () => this.#copyLink());
    this.note = make("span", { className: "cell-note", role: "status" });
    bar.append(this.run, this.editButton, this.setBackButton, this.copyButton, this.note);
    this.#showButtons();
  }

  get isEdited() {
    return this.source !== this.original;
  }

  // --- editing

  // Show a source that is not the book's, without the editor.
  change(source, note = "") {
    this.source = source;
    this.input.hidden = true;
    this.box ??= make("div", { className: "cell-editor" });
    this.box.addEventListener("keydown", (event) => event.stopPropagation()); // "/" is the page's search
    this.input.after(this.box);
    if (this.editor) this.editor.dispatch({ changes: { from: 0, to: this.editor.state.doc.length, insert: source } });
    else this.box.replaceChildren(make("pre", { textContent: source }));
    this.byLink = note !== "";
    this.note.textContent = note;
    this.#showButtons();
  }

  async edit() {
    if (!this.editor) {
      const { makeEditor } = await import("./editor.js");
      if (!this.box) this.change(this.source);
      this.box.replaceChildren();
      this.editor = makeEditor(this.box, {
        source: this.source,
        label: say("Code of {cell}. Escape, then Tab, leaves it; Shift and Enter run it.", { cell: this.label }),
        onChange: (source) => this.#changed(source),
        onRun: () => this.run.click(),
      });
      this.#showButtons();
    }
    this.editor.focus();
  }

  #changed(source) {
    this.source = source;
    if (this.byLink) {
      this.byLink = false;
      this.note.textContent = "";
      history.replaceState(null, "", location.pathname + location.search); // or a reload loses this
    }
    kept.set(this.index, this.isEdited ? [fingerprint(this.original), source] : null);
    this.#showButtons();
  }

  setBack() {
    const own = this.byLink && fittingEdit(this.index, kept.all());
    this.editor?.destroy();
    this.box?.remove();
    this.editor = this.box = null;
    this.byLink = false;
    this.input.hidden = false;
    this.source = this.original;
    this.output.setBack();
    this.note.textContent = say("Set back.");
    if (own) this.change(own);
    else kept.set(this.index, null);
    this.#showButtons();
    this.run.focus();
  }

  #showButtons() {
    this.editButton.hidden = this.editor !== null;
    this.setBackButton.hidden = !this.box && !this.output.isReplaced;
    this.copyButton.hidden = !this.isEdited;
  }

  async #copyLink() {
    const link = await linkOfEdits();
    try {
      await navigator.clipboard.writeText(link);
      this.note.textContent = say("Copied.");
    } catch {
      history.replaceState(null, "", link);
      this.note.textContent = say("The link is in the address bar.");
    }
  }

  // --- running

  async #run() {
    const args = { sources: sources(), cell: this.index };
    const upToHere = args.sources.slice(0, this.index + 1);
    this.note.textContent = "";
    const shown = this.output.begin();
    this.cell.ariaBusy = "true";
    try {
      const packages = await python.call("python_cells.packages", { sources: upToHere });
      const onPrint = (text, stream) => shown.print(text, stream);
      const result = await python.call("python_cells.run", args, { packages, onPrint });
      for (const output of result.outputs) await shown.add(output, this.isEdited);
      if (result.error) shown.fail(result.error.text, result.cell !== this.index && cells.get(result.cell));
      shown.isWhole();
      this.note.textContent = result.error ? result.error.type : say("Done.");
    } catch (error) {
      if (error.name === "PythonError") shown.fail(error.message);
      this.note.textContent = error.name === "Stopped" ? say("Stopped.") : error.message;
    }
    this.cell.ariaBusy = null;
    this.#showButtons();
  }
}

// --- what a cell shows ---------------------------------------------------------------------------

class Output {
  constructor(cell) {
    this.cell = cell;
    this.element = cell.querySelector(":scope > .cell_output");
    this.book = this.element && [...this.element.childNodes]; // null: the book's cell shows nothing
    this.images = [...(this.element?.querySelectorAll("img") ?? [])];
    this.isReplaced = false;
  }

  // The old output stays until there is a new one, so that the page does not jump.
  begin() {
    this.isFresh = false;
    this.drawn = 0;
    return this;
  }

  print(text, stream) {
    const last = this.isFresh && this.element.lastElementChild;
    if (last?.dataset?.stream === stream) last.querySelector("pre").append(text);
    else this.#append(textBox(text, "stream", stream));
  }

  async add({ svg, html, text }, isEdited) {
    if (svg) this.#addFigure(svg, isEdited);
    if (text) this.#append(textBox(text, "text_plain"));
    if (html) {
      const { cleanHtml } = await import("./clean_html.js");
      this.#append(make("div", { className: "output text_html" }, cleanHtml(html)));
    }
  }

  // A figure keeps its number and caption, and its name, which links lead to.
  #addFigure(svg, isEdited) {
    const old = this.images[this.drawn++];
    const image = picture(svg, (!isEdited && old?.alt) || say("The figure that this cell has drawn."));
    const figure = old?.closest("figure")?.cloneNode(true);
    figure?.querySelector("img").replaceWith(image);
    this.#append(figure ?? image);
  }

  fail(text, earlier = null) {
    this.#append(textBox(text, "error", "stderr"));
    if (earlier) {
      const link = make("a", { href: `#${earlier.bar.id}`, textContent: say("an earlier cell") });
      const [before, after] = say("It was raised by {cell}, which runs before this one.", { cell: "\0" }).split("\0");
      this.#append(make("p", { className: "output" }, before, link, after));
    }
  }

  // A cell that has run and shows nothing shows nothing; one that has not run shows what it did.
  isWhole() {
    if (!this.isFresh) this.#clear();
  }

  setBack() {
    this.isReplaced = false;
    if (this.book) this.element.replaceChildren(...this.book);
    else this.element?.remove();
    if (!this.book) this.element = null;
  }

  #append(node) {
    if (!this.isFresh) this.#clear();
    this.element.append(node);
  }

  #clear() {
    if (!this.element) {
      this.element = make("div", { className: "cell_output docutils container" });
      this.cell.append(this.element);
    }
    this.element.replaceChildren();
    this.isFresh = this.isReplaced = true;
  }
}

// The same elements as those of the book's own outputs.
function textBox(text, kind, stream = "stdout") {
  const pre = make("pre", {}, text);
  const box = make("div", { className: `output ${kind} ${stream} highlight-myst-ansi notranslate` });
  box.dataset.stream = kind === "stream" ? stream : "";
  box.append(make("div", { className: "highlight" }, pre));
  return box;
}

// In an image nothing runs, and its styles touch nothing else.
function picture(svg, alt) {
  const size = (name) => Math.round((Number(svg.match(`<svg[^>]* ${name}="([\\d.]+)pt"`)?.[1]) * 4) / 3);
  const image = make("img", { src: `data:image/svg+xml,${encodeURIComponent(svg)}`, alt });
  if (size("width")) Object.assign(image, { width: size("width"), height: size("height") });
  return image;
}

// --- edits in links ------------------------------------------------------------------------------

async function through(stream, bytes, most = Infinity) {
  const parts = [];
  let size = 0;
  for (const reader = new Blob([bytes]).stream().pipeThrough(stream).getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) return new Uint8Array(await new Blob(parts).arrayBuffer());
    size += value.length;
    if (size > most) throw new Error("more than a page of code");
    parts.push(value);
  }
}

async function linkOfEdits() {
  const edits = {};
  for (const { index, isEdited, original, source } of cells.values()) {
    if (isEdited) edits[index] = [fingerprint(original), source];
  }
  const bytes = new TextEncoder().encode(JSON.stringify(edits));
  const packed = await through(new CompressionStream("deflate-raw"), bytes);
  const text = btoa(String.fromCharCode(...packed)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  return location.origin + location.pathname + IN_LINK + text;
}

async function editsOfLink() {
  const text = location.hash.slice(IN_LINK.length).replaceAll("-", "+").replaceAll("_", "/");
  const packed = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const bytes = await through(new DecompressionStream("deflate-raw"), packed, MOST_BYTES);
  return JSON.parse(new TextDecoder().decode(bytes));
}

// Return the edit of a cell, if there is one and the book's cell is still the same.
function fittingEdit(index, edits) {
  const edit = edits?.[index]; // of a link, or of the browser's store: it can be anything
  const fits = Array.isArray(edit) && edit[0] === fingerprint(book[index]) && typeof edit[1] === "string";
  return fits ? edit[1] : null;
}

async function takeEditsOfLink() {
  if (!location.hash.startsWith(IN_LINK)) return;
  let edits = {};
  try {
    edits = await editsOfLink();
  } catch {
    // not a whole link: no edit in it fits
  }
  const changed = [...cells.values()].filter(({ index }) => fittingEdit(index, edits) !== null);
  for (const cell of changed) cell.change(fittingEdit(cell.index, edits), say("Changed by a link, not by the book."));
  const first = changed[0] ?? cells.values().next().value;
  if (!changed.length) first.note.textContent = say("The link's changes do not fit this page.");
  document.documentElement.classList.remove("in-parts"); // or the heights above are guesses (lay_out.js)
  first.cell.scrollIntoView({ block: "center" });
}

// --- the page ------------------------------------------------------------------------------------

for (const bar of document.querySelectorAll(".cell-bar")) {
  if (!python.available) bar.remove();
  else cells.set(Number(bar.dataset.cell), new LiveCell(bar));
}
if (cells.size) {
  const edits = kept.all();
  for (const cell of cells.values()) {
    const source = fittingEdit(cell.index, edits);
    if (source !== null) cell.change(source);
  }
  addEventListener("hashchange", takeEditsOfLink);
  await takeEditsOfLink();
}

// Python in the browser, for whatever on a page wants to call it: `import { python } from "./python.js"`.
// Nothing is fetched before the first start() or call(). There is one worker (python_worker.js), and
// it does one thing at a time; the only way to interrupt it is to end it.
import { available } from "./python_available.js"; // written by the build (browser_python.py)

const PRINT_EVERY = 50; // milliseconds

// The worker does not know the language of the book: what it says comes as a text and its values.
const failure = ({ name, message, values, ...rest }) =>
  Object.assign(new Error(values ? say(message, values) : message), { name, ...rest });
const TOO_MUCH = say("… more output than a page can take: the rest is not shown.");

class Python extends EventTarget {
  available = available;
  state = "idle"; // "starting", "ready", "busy"
  #worker = null;
  #started = null; // { promise, resolve, reject } of the worker
  #calls = []; // the first is the one that runs

  // Resolve when Python is ready; asked again, it is the same start.
  start() {
    this.#started ??= this.#begin();
    return this.#started.promise;
  }

  // Resolve with what `module.function(**args)` returns.
  call(name, args = {}, { packages = [], onPrint = null } = {}) {
    const call = { request: { name, args, packages }, print: printer(onPrint), ...deferred() };
    this.#calls.push(call);
    this.start().catch(() => {}); // #end tells the call
    this.#next();
    return call.promise;
  }

  // End the worker. What it had not finished rejects; the next call starts it anew.
  stop() {
    if (this.#started) this.#end(failure({ name: "Stopped", message: say("Python was stopped.") }));
  }

  #begin() {
    const started = deferred();
    const problem = obstacle();
    if (problem) {
      queueMicrotask(() => this.#end(problem));
    } else {
      const worker = new Worker(new URL("./python_worker.js", import.meta.url), { type: "module" });
      worker.onmessage = ({ data }) => worker === this.#worker && this.#hear(data);
      worker.onerror = ({ message }) => this.#end(message ? unsupported(message) : lost());
      this.#worker = worker;
      this.#become("starting");
    }
    return started;
  }

  #become(state) {
    if (state === this.state) return;
    this.state = state;
    this.dispatchEvent(new Event("state"));
  }

  #next() {
    if (this.state !== "ready" || !this.#calls.length) return;
    this.#become("busy");
    this.#worker.postMessage(this.#calls[0].request);
  }

  #hear({ progress, state, started, text, stream, full, answer, failed }) {
    if (progress) this.dispatchEvent(new CustomEvent("progress", { detail: progress }));
    if (state) this.#become(state);
    if (text) this.#calls[0].print(text, stream);
    if (full) this.#calls[0].print(`\n${TOO_MUCH}\n`, stream);
    if (failed) this.#end(failure(failed));
    if (started) this.#started.resolve();
    if (answer) settle(this.#calls.shift(), answer);
    if (started || answer) {
      this.#become("ready");
      this.#next();
    }
  }

  #end(error) {
    this.#worker?.terminate();
    const [started, calls] = [this.#started, this.#calls];
    [this.#worker, this.#started, this.#calls] = [null, null, []];
    this.#become("idle");
    started.reject(error);
    for (const call of calls) {
      call.print.now();
      call.reject(error);
    }
  }
}

function obstacle() {
  if (!available) return failure({ name: "AssetError", message: say("The book was built without Python.") });
  if (typeof WebAssembly === "undefined" || typeof Worker === "undefined") {
    return failure({ name: "Unsupported", message: say("This browser has no WebAssembly, which Python needs.") });
  }
  return null;
}

const unsupported = (why) =>
  failure({ name: "Unsupported", message: say("Python does not start in this browser: {why}", { why }) });
const lost = () =>
  failure({ name: "AssetError", message: say("{file} could not be fetched.", { file: "python_worker.js" }) });

function deferred() {
  const parts = {};
  parts.promise = new Promise((resolve, reject) => Object.assign(parts, { resolve, reject }));
  return parts;
}

function settle(call, { result, error }) {
  call.print.now();
  if (error) call.reject(failure(error));
  else call.resolve(result);
}

// Hand on what is printed a few times a second, however often Python prints.
function printer(onPrint) {
  let pieces = [];
  let timer = null;
  const now = () => {
    clearTimeout(timer);
    const printed = pieces;
    [pieces, timer] = [[], null];
    for (const { text, stream } of printed) onPrint?.(text, stream);
  };
  const print = (text, stream) => {
    const last = pieces.at(-1);
    if (last?.stream === stream) last.text += text;
    else pieces.push({ text, stream });
    timer ??= setTimeout(now, PRINT_EVERY);
  };
  return Object.assign(print, { now });
}

export const python = new Python();

// --- what the reader sees while it starts --------------------------------------------------------

const megabytes = (bytes) => (bytes / 1e6).toFixed(1);
const make = (name, properties, ...children) => {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
};

// Return an element that shows how far Python has come, with a button to give up; else it is hidden.
export function progressBox() {
  const stage = make("span");
  const bytes = make("span", { className: "python-bytes", ariaHidden: "true" });
  const bar = make("progress", { ariaLabel: say("Fetched") });
  const cancel = make("button", { type: "button", textContent: say("Cancel") });
  const words = make("p", {}, stage, " ", bytes);
  const box = make("div", { className: "python-progress", role: "status" }, words, bar, cancel);
  const showState = () => {
    box.hidden = python.state !== "starting";
  };
  python.addEventListener("state", showState);
  python.addEventListener("progress", ({ detail }) => {
    const what = detail.group === "core" ? "Python" : detail.group;
    const fetching = detail.stage === "fetching";
    // Said only when it changes: a screen reader would read every number.
    const text = fetching ? say("Fetching {what} …", { what }) : say("Starting {what} …", { what });
    if (stage.textContent !== text) stage.textContent = text;
    bytes.textContent = fetching
      ? say("{loaded} of {total} MB", { loaded: megabytes(detail.loaded), total: megabytes(detail.total) })
      : "";
    if (fetching) Object.assign(bar, { max: detail.total, value: detail.loaded });
    else bar.removeAttribute("value"); // how long that takes is not known
  });
  cancel.addEventListener("click", () => python.stop());
  showState();
  return box;
}

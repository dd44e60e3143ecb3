// The worker that Python lives in. python.js makes it, and it begins at once: it fetches the files of
// the manifest, checks each against its hash, keeps them for the next visit, and starts Pyodide. Then
// it answers one call after another. Whoever wants to interrupt it ends it.
const BASE = new URL("./python/", import.meta.url);
const CACHE = "gdbp-python";
const MOST_CHARACTERS = 100_000; // that one call may print
const MOST_PIECES = 10_000;
// Pyodide is to install nothing by itself: what the book has is unpacked below. It checks this number.
const NO_PACKAGES = JSON.stringify({ info: { abi_version: "2026_0" }, packages: {} });

const say = (text) => text; // python.js says it, in the language of the book
const failure = (name, message, values = {}) => Object.assign(new Error(message), { name, values });
const isScript = (name) => name.endsWith(".js");

// --- the files -----------------------------------------------------------------------------------

// Browsers refuse a cache in some private windows, and have none where the page came without TLS.
const openCache = () => (self.caches ? caches.open(CACHE).catch(() => null) : null);
const keyOf = (file) => new URL(`${file.name}?${file.sha256}`, BASE).href;

async function request(name, options) {
  const response = await fetch(new URL(name, BASE), options).catch(() => null);
  if (!response?.ok) throw failure("AssetError", say("{file} could not be fetched."), { file: name });
  return response;
}

async function isRight(file, bytes) {
  if (bytes.byteLength !== file.bytes) return false;
  if (!self.crypto.subtle) return true; // it, too, is missing without TLS
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("") === file.sha256;
}

async function download(file, mode, report) {
  const response = await request(file.name, { cache: mode });
  const chunks = [];
  try {
    for (const reader = response.body.getReader(); ; ) {
      const { done, value } = await reader.read();
      if (done) break;
      chunks.push(value);
      report(value.byteLength);
    }
  } catch {
    throw failure("AssetError", say("{file} did not arrive whole."), { file: file.name });
  }
  return new Blob(chunks).arrayBuffer();
}

async function get(file, cache, report) {
  const kept = await (await cache?.match(keyOf(file)))?.arrayBuffer();
  if (kept && (await isRight(file, kept))) {
    report(file.bytes);
    return kept;
  }
  // What goes into the cache needs no second copy among the browser's other files. Scripts do, for
  // import() reads there; what is damaged there is fetched once more.
  const keeps = cache && !isScript(file.name);
  for (const mode of [keeps ? "no-store" : "no-cache", "reload"]) {
    const bytes = await download(file, mode, report);
    if (await isRight(file, bytes)) {
      // A full disk only means that it is fetched again.
      if (keeps) await cache.put(keyOf(file), new Response(bytes)).catch(() => {});
      return bytes;
    }
    report(-bytes.byteLength);
  }
  const damaged = say("{file} is damaged: it is not the file that the book was built with.");
  throw failure("AssetError", damaged, { file: file.name });
}

async function getGroup(group) {
  const files = manifest[group];
  if (!files) throw failure("AssetError", say("The book has no files for {group}."), { group });
  const cache = await openCache();
  const total = files.reduce((sum, file) => sum + file.bytes, 0);
  let loaded = 0;
  let told = 0;
  const report = (bytes) => {
    loaded += bytes;
    if (performance.now() - told < 50 && loaded < total) return;
    told = performance.now();
    postMessage({ progress: { stage: "fetching", group, loaded, total } });
  };
  const contents = await Promise.all(files.map((file) => get(file, cache, report)));
  return new Map(files.map((file, k) => [file.name, contents[k]]));
}

async function forgetOldFiles() {
  const cache = await openCache();
  const current = new Set(Object.values(manifest).flat().map(keyOf));
  for (const { url } of (await cache?.keys()) ?? []) {
    if (url.startsWith(BASE.href) && !current.has(url)) await cache.delete(url);
  }
}

// --- Python --------------------------------------------------------------------------------------

const manifest = {};
const loaded = new Set(["core"]);
let pyodide;
let bridge;

// Pyodide would only warn, and wait for ever.
async function tryWebAssembly(wasm) {
  await WebAssembly.compile(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0])); // a policy may refuse it
  if (!WebAssembly.validate(wasm)) throw new Error("its WebAssembly is too old.");
}

async function startPyodide(files) {
  await tryWebAssembly(files.get("pyodide.asm.wasm"));
  const { loadPyodide } = await import(new URL("pyodide.js", BASE).href);
  const { default: createPyodideModule } = await import(new URL("pyodide.asm.js", BASE).href);
  const fetchFromNetwork = self.fetch;
  self.fetch = async (address) => {
    const name = new URL(address).pathname.split("/").pop();
    const type = name.endsWith(".wasm") ? "application/wasm" : "application/octet-stream";
    return new Response(files.get(name), { headers: { "Content-Type": type } });
  };
  try {
    return await loadPyodide({
      indexURL: BASE.href,
      packageBaseUrl: BASE.href,
      lockFileContents: NO_PACKAGES,
      createPyodideModule,
      stdin: () => null, // the end of the input: there is nobody to ask
    });
  } finally {
    self.fetch = fetchFromNetwork;
  }
}

function unpack(files) {
  for (const [name, content] of files) {
    if (name.endsWith(".whl")) pyodide.unpackArchive(content, "wheel");
    if (/\.(py|json)$/.test(name)) pyodide.FS.writeFile(name, new Uint8Array(content));
  }
}

async function start() {
  Object.assign(manifest, await (await request("manifest.json", { cache: "no-cache" })).json());
  const files = await getGroup("core");
  postMessage({ progress: { stage: "starting", group: "core" } });
  try {
    pyodide = await startPyodide(files);
    unpack(files);
    bridge = pyodide.pyimport("python_bridge");
    bridge.set_up();
  } catch (error) {
    throw failure("Unsupported", say("Python does not start in this browser: {why}"), { why: error.message });
  }
  await forgetOldFiles();
}

async function load(packages) {
  for (const group of packages.filter((name) => !loaded.has(name))) {
    postMessage({ state: "starting" });
    const files = await getGroup(group);
    postMessage({ progress: { stage: "starting", group } });
    unpack(files);
    loaded.add(group);
    postMessage({ state: "busy" });
  }
}

function limited(show) {
  let characters = 0;
  let pieces = 0;
  let full = false;
  return (text, stream) => {
    if (full) return;
    const room = MOST_CHARACTERS - characters;
    characters += text.length;
    pieces += 1;
    full = text.length > room || pieces > MOST_PIECES;
    show(full ? text.slice(0, room) : text, stream, full);
  };
}

async function answer({ name, args, packages }) {
  try {
    await load(packages);
  } catch ({ name, message, values }) {
    return { error: { name, message, values } };
  }
  const show = limited((text, stream, full) => postMessage({ text, stream, full }));
  const { result, error } = JSON.parse(bridge.call(name, JSON.stringify(args), show));
  return error ? { error: { name: "PythonError", ...error } } : { result };
}

const started = start().then(
  () => postMessage({ started: true }),
  ({ name, message, values }) => postMessage({ failed: { name, message, values } }),
);

self.addEventListener("message", async ({ data }) => {
  await started;
  try {
    postMessage({ answer: await answer(data) });
  } catch ({ message }) {
    // Python itself came to an end: out of memory, for instance.
    const failed = { name: "PythonError", type: "SystemError", message: say("Python ended: {why}") };
    postMessage({ failed: { ...failed, values: { why: message } } });
  }
});

// node bundle.cjs FOLDER: bundle what the pages fetch of npm's packages, each into one module.
require("esbuild").buildSync({
  entryPoints: ["editor.js", "clean_html.js"],
  outdir: process.argv[2],
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
});

// Typesets formulas for katex_math.py: one JSON request a line comes in, one JSON answer a line goes out.
const katex = require("../node_modules/katex");

require("readline").createInterface({ input: process.stdin }).on("line", (line) => {
  const { tex, displayMode, output } = JSON.parse(line);
  let answer;
  try {
    // "error": no silent repair of doubtful TeX.
    answer = { html: katex.renderToString(tex, { displayMode, output, strict: "error" }) };
  } catch (error) {
    answer = { error: error.message };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
});

// A box for the answer to each exercise, checked by exercises.check (python_answers.py).
import { Kept, make, python, runButton } from "./live.js";

const kept = new Kept("answers");

function fill(box) {
  const { exercise, asks } = box.dataset;
  const tall = box.classList.contains("tall");
  const id = `answer-${exercise.replace(".", "-")}`;
  const field = tall ? make("textarea", { rows: 3 }) : make("input", { type: "text" });
  Object.assign(field, { id, value: kept.all()[exercise] ?? "", autocomplete: "off", autocapitalize: "off", spellcheck: false });
  const label = make("label", { htmlFor: id }, say("Your answer to {exercise}, in Python: ", { exercise }), make("code", { textContent: asks }));
  const said = make("p", { className: "answer-said", role: "status" });
  const line = make("div", { className: "answer-line" });

  const check = async () => {
    said.className = "answer-said";
    said.textContent = "";
    try {
      const { ok, text } = await python.call("python_answers.check", { exercise, text: field.value });
      said.textContent = text;
      said.classList.toggle("right", ok === true);
    } catch (error) {
      said.textContent = error.name === "Stopped" ? say("Stopped.") : error.message;
    }
  };
  const button = runButton(say("Check"), say("the answer to {exercise}", { exercise }), line, check);

  field.addEventListener("input", () => kept.set(exercise, field.value || null));
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || (tall && !event.ctrlKey && !event.metaKey)) return;
    event.preventDefault();
    button.click();
  });
  line.append(field, button);
  box.append(label, line, said);
}

for (const box of document.querySelectorAll(".answer-box")) python.available ? fill(box) : box.remove();

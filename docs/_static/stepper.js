// Show the steps of a list one at a time. Without this script, and on paper, the list is complete.
for (const stepper of document.querySelectorAll(".stepper")) {
  const steps = [...stepper.querySelectorAll("ol > li")];
  const make = (name, properties) => Object.assign(document.createElement(name), properties);

  const back = make("button", { type: "button", textContent: say("← Back") });
  const next = make("button", { type: "button", textContent: say("Next →") });
  const slider = make("input", { type: "range", min: 1, max: steps.length, value: 1 });
  slider.setAttribute("aria-label", say("Step"));
  const said = make("p", { className: "stepper-said" });
  said.setAttribute("aria-live", "polite");

  const show = (number) => {
    const now = Math.min(Math.max(number, 1), steps.length);
    steps.forEach((step, k) => step.classList.toggle("now", k + 1 === now));
    slider.value = now;
    slider.setAttribute("aria-valuetext", say("{now} of {all}", { now, all: steps.length }));
    // Not disabled, which would drop the keyboard's focus.
    back.setAttribute("aria-disabled", now === 1);
    next.setAttribute("aria-disabled", now === steps.length);
    const step = steps[now - 1];
    const place = say("Step {now} of {all}.", { now, all: steps.length });
    said.innerHTML = `<b>${place}</b> ${step.querySelector("p").innerHTML}`;
    const box = step.querySelector(".graph-box");
    const node = step.querySelector(".current");
    if (box && node) {
      const [outer, inner] = [box.getBoundingClientRect(), node.getBoundingClientRect()];
      box.scrollLeft += inner.left + inner.width / 2 - outer.left - outer.width / 2;
    }
  };

  back.addEventListener("click", () => show(Number(slider.value) - 1));
  next.addEventListener("click", () => show(Number(slider.value) + 1));
  slider.addEventListener("input", () => show(Number(slider.value)));

  const controls = make("div", { className: "stepper-controls" });
  controls.append(back, slider, next);
  stepper.prepend(controls, said);
  stepper.classList.add("ready");
  show(1);
}

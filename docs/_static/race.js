// Set a race in motion (gdbp.plotting.race). Without this script, and on paper, it shows its last step.
for (const race of document.querySelectorAll(".race")) {
  const make = (name, properties) => Object.assign(document.createElement(name), properties);
  const runs = [...race.querySelectorAll("polyline")].map((line) => {
    const points = line.getAttribute("points").split(" ");
    return { line, points, head: line.nextElementSibling };
  });
  const cells = [...race.querySelectorAll("[data-losses]")].map((cell) => {
    return { cell, losses: cell.dataset.losses.split(" ") };
  });
  const last = Math.max(...runs.map(({ points }) => points.length)) - 1;

  const button = make("button", { type: "button", textContent: say("Play") });
  const slider = make("input", { type: "range", min: 0, max: last, value: last });
  slider.setAttribute("aria-label", say("Step shown"));
  const said = make("span", { className: "race-step" });

  const draw = (k) => {
    for (const { line, head, points } of runs) {
      line.setAttribute("points", points.slice(0, k + 1).join(" "));
      head.setAttribute("transform", `translate(${points[Math.min(k, points.length - 1)]})`);
    }
    for (const { cell, losses } of cells) cell.textContent = losses[Math.min(k, losses.length - 1)];
  };
  const show = (k) => {
    slider.value = k;
    slider.setAttribute("aria-valuetext", say("{now} of {all}", { now: k, all: last }));
    said.textContent = say("step {now}", { now: k });
    draw(k);
  };

  let timer = 0;
  const stop = () => {
    clearInterval(timer);
    timer = 0;
    button.textContent = say("Play");
  };
  const step = () => {
    show(Number(slider.value) + 1);
    if (Number(slider.value) === last) stop();
  };
  button.addEventListener("click", () => {
    if (timer) return stop();
    if (Number(slider.value) === last) show(0);
    button.textContent = say("Pause");
    timer = setInterval(step, 120);
  });
  slider.addEventListener("input", () => {
    stop();
    show(Number(slider.value));
  });
  addEventListener("beforeprint", () => {
    stop();
    draw(last);
  });
  addEventListener("afterprint", () => draw(Number(slider.value)));

  race.querySelector(".race-controls").append(button, slider, said);
  show(last); // whatever the browser kept of the slider when the page was loaded again
}

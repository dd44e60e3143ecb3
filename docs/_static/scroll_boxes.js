// Whatever is too wide for the page scrolls sideways in a box of its own. The keyboard reaches such a
// box, and a screen reader names it; one in which all is seen is no stop on the way through the page.
{
  const names = {
    ".formula": say("Formula"),
    ".graph-box": say("Drawing"),
    ".explorer-picture": say("Drawing"),
    ".table-wrapper": say("Table"),
    ".cell_output": say("Output"),
    pre: say("Code"),
  };

  const check = (box) => {
    const scrolls = box.scrollWidth > box.clientWidth;
    if (scrolls === box.hasAttribute("tabindex")) return;
    const name = Object.keys(names).find((selector) => box.matches(selector));
    const values = { tabindex: "0", role: "group", "aria-label": say("{what}, wider than the page", { what: names[name] }) };
    for (const [attribute, value] of Object.entries(values))
      scrolls ? box.setAttribute(attribute, value) : box.removeAttribute(attribute);
  };

  const seen = new Set(); // what is laid out (lay_out.js); to ask for the width of another would lay it out
  const observer = new ResizeObserver((changes) => {
    for (const { target } of changes) {
      seen.add(target);
      check(target);
    }
  });
  document.querySelectorAll(Object.keys(names)).forEach((box) => observer.observe(box));
  document.fonts.ready.then(() => seen.forEach(check)); // a formula is set anew when its font arrives
}

// What test_site.py asks of a page about the keyboard's focus.
window.focusTest = (() => {
  // What takes the focus, in the order of the page: also a box that scrolls, if nothing in it does.
  const named = "a[href], button, input, select, textarea, summary, [tabindex]";
  const scrolls = (e) => {
    const { overflowX, overflowY } = getComputedStyle(e);
    const across = /auto|scroll/.test(overflowX) && e.scrollWidth > e.clientWidth;
    const down = /auto|scroll/.test(overflowY) && e.scrollHeight > e.clientHeight;
    return (across || down) && !e.querySelector(named);
  };
  const focusable = () =>
    [...document.body.querySelectorAll("*")].filter(
      (e) =>
        (e.matches(named) ? e.tabIndex >= 0 : scrolls(e)) &&
        e.checkVisibility({ visibilityProperty: true }),
    );

  const name = (e) => `${e.tagName} ${(e.ariaLabel || e.textContent).trim().slice(0, 30)}`;
  const numbers = (colour) => colour.match(/[\d.]+/g).map(Number);
  const luminance = (colour) => {
    const [r, g, b] = numbers(colour)
      .map((c) => c / 255)
      .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (...colours) => {
    const [low, high] = colours.map((c) => luminance(c) + 0.05).sort((a, b) => a - b);
    return high / low;
  };
  const ground = (e) => {
    const colour = getComputedStyle(e).backgroundColor;
    if ((numbers(colour)[3] ?? 1) === 1) return colour;
    return e.parentElement ? ground(e.parentElement) : "rgb(255, 255, 255)";
  };
  const opacity = (e) =>
    Number(getComputedStyle(e).opacity) * (e.parentElement ? opacity(e.parentElement) : 1);

  // Some points of the part of a box that is in the window.
  const points = ({ left, right, top, bottom }) => {
    const between = (low, high) =>
      low < high ? [0.1, 0.5, 0.9].map((part) => low + part * (high - low)) : [];
    const [x, y] = [
      between(Math.max(left, 0), Math.min(right, innerWidth)),
      between(Math.max(top, 0), Math.min(bottom, innerHeight)),
    ];
    return x.flatMap((x) => y.map((y) => [x, y]));
  };

  // What is wrong with the focus of an element, or nothing: its outline is at least 2 pixels wide,
  // with a contrast of 3 to 1 to what is behind; it is in the window, and nothing is over all of it.
  const wrong = (e) => {
    const styles = [getComputedStyle(e), getComputedStyle(e, "::after")]; // a card's link is over it
    const style = styles.find(
      ({ outlineStyle, outlineWidth }) => outlineStyle !== "none" && parseFloat(outlineWidth) >= 2,
    );
    if (!style) return "no outline";
    const behind = ground(parseFloat(style.outlineOffset) < 0 ? e : e.parentElement);
    const ratio = contrast(style.outlineColor, behind);
    if (ratio < 3) return `the outline has a contrast of ${ratio.toFixed(2)}`;
    if (opacity(e) < 0.9) return "transparent";
    const boxes = [...(style === styles[0] ? e : e.offsetParent).getClientRects()];
    if (!boxes.some(({ width, height }) => width && height)) return "has no size";
    const seen = ([x, y]) => {
      const top = document.elementFromPoint(x, y);
      return top && (e.contains(top) || top.contains(e));
    };
    if (boxes.flatMap(points).some(seen)) return null;
    return `not in the window, or behind something, at ${JSON.stringify(boxes[0])}`;
  };

  // Give the focus to each, in a script: quick enough for every page.
  const lookAtEach = () =>
    focusable().flatMap((e) => {
      e.focus();
      const problem = document.activeElement === e ? wrong(e) : "takes no focus";
      return problem ? [`${name(e)}: ${problem}`] : [];
    });

  // Note what goes wrong while someone walks through the page with the keyboard.
  const watch = () => {
    const order = focusable();
    const problems = [];
    let before = -1;
    addEventListener("focusin", ({ target }) => {
      const now = order.indexOf(target);
      if (now !== before + 1) problems.push(`${name(target)}: number ${now} comes after ${before}`);
      before = now;
    });
    addEventListener("keydown", () => {
      const problem = before >= 0 && wrong(document.activeElement);
      if (problem) problems.push(`${name(document.activeElement)}: ${problem}`);
    });
    return Object.assign(focusTest, { order, problems });
  };
  return { lookAtEach, watch };
})();

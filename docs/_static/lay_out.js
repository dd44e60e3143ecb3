// A long page has some 15,000 elements, most of them in formulas, and a phone needs a second or two
// to lay them out. When a page is opened at its top, book.css (html.in-parts) has the browser lay
// out each part only when the reader comes near. Nobody jumps by heights that are only guessed: all
// is laid out before a link into the page is followed or a key is pressed (Tab goes to boxes that
// scroll, which a browser knows once they are laid out), and at once where the page is opened at an
// anchor or come back to (_templates/page.html).
const layOut = () => document.documentElement.classList.remove("in-parts");
const follow = ({ target }) => {
  if (target.closest("a[href*='#']")) layOut();
};
document.addEventListener("click", follow, true);
document.addEventListener("keydown", layOut, { capture: true, once: true });

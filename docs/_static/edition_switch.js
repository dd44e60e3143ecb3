// Whoever changes the edition stays at the same place: the anchors of a page are the same in both.
for (const link of document.querySelectorAll("a.edition-switch"))
  link.addEventListener("click", () => (link.hash = location.hash));

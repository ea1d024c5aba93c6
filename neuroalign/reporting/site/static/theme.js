// Runs before the page is painted, so that the page does not flash in the other theme.
(() => {
  try {
    const chosen = localStorage.getItem("neuroalign-theme");
    if (chosen === "dark" || chosen === "light") document.documentElement.dataset.theme = chosen;
  } catch {
    // Some browsers store nothing for pages from the disk: the theme of the system applies.
  }
})();

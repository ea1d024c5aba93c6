// Before the page is painted, so that it does not flash in the other theme.
(() => {
  try {
    const chosen = localStorage.getItem("neuroalign-theme");
    if (chosen === "dark" || chosen === "light") document.documentElement.dataset.theme = chosen;
  } catch {
    // Some browsers keep nothing for pages from the disk; the system's theme it is.
  }
})();

// Applies the theme that the person chose, before anything is painted. A classic script, because modules run too late.
try {
  const chosen = localStorage.getItem("page-theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch {
  // Without storage the page follows the system.
}

// The clock in the corner keeps UTC, as harbours do; the button beside it
// changes between the day and the night chart. Neither is needed to read the
// page, so this script comes whenever it comes.
(() => {
  const root = document.documentElement;
  const start = () => {
    const clock = document.querySelector("[data-clock]");
    const tick = () => { clock.textContent = new Date().toISOString().slice(11, 16) + " UTC"; };
    tick();
    setInterval(tick, 10_000);

    const button = document.querySelector("[data-watch-button]");
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const night = () => (root.dataset.watch ? root.dataset.watch === "night" : dark.matches);
    const show = () => {
      button.textContent = night() ? "Day" : "Night";
      button.setAttribute("aria-pressed", String(night()));
    };
    button.addEventListener("click", () => {
      root.dataset.watch = night() ? "day" : "night";
      localStorage.setItem("watch", root.dataset.watch);
      show();
    });
    dark.addEventListener("change", show);
    show();
  };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();

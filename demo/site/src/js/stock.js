// What is left on the quay: asked once, then told as it changes.
(() => {
  const maxEntries = 7;
  const log = document.querySelector("[data-log]");

  const show = (id, stock, moved) => {
    for (const el of document.querySelectorAll(`[data-stock="${CSS.escape(id)}"]`)) {
      el.textContent = stock > 0 ? `${stock} on the quay` : "Back with the next boat";
      el.classList.toggle("moved", moved);
    }
  };

  const write = (change) => {
    if (!log) return;
    log.querySelector(".waiting")?.remove();
    const entry = document.createElement("li");
    const time = document.createElement("time");
    time.textContent = change.time.slice(11, 16);
    entry.append(time, change.text);
    log.prepend(entry);
    while (log.children.length > maxEntries) log.lastElementChild.remove();
  };

  fetch(seamark.products)
    .then((r) => (r.ok ? r.json() : Promise.reject(new Error(`HTTP ${r.status}`))))
    .then(({ products }) => products.forEach((p) => show(p.id, p.stock, false)))
    .catch((err) => console.warn("stock:", err.message));

  const events = new EventSource(seamark.events);
  events.addEventListener("stock", (e) => {
    const change = JSON.parse(e.data);
    show(change.product, change.stock, true);
    write(change);
  });
  // A page that is put aside lets its line go.
  addEventListener("pagehide", () => events.close());
})();

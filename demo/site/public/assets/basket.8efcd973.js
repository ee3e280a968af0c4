// The basket lives in the browser until it is ordered.
import { money, total } from "/assets/money.0c0d0208.js";

const key = "basket";
const dialog = document.querySelector("[data-basket]");
const form = dialog.querySelector("[data-basket-order]");
const note = dialog.querySelector("[data-basket-note]");

const load = () => {
  try {
    return JSON.parse(localStorage.getItem(key)) ?? [];
  } catch {
    return [];
  }
};

const save = (lines) => {
  localStorage.setItem(key, JSON.stringify(lines));
  show(lines);
};

const show = (lines) => {
  const list = dialog.querySelector("[data-basket-lines]");
  list.replaceChildren(...lines.map((line) => {
    const item = document.createElement("li");
    const name = document.createElement("span");
    name.textContent = `${line.quantity} × ${line.name}`;
    const sum = document.createElement("span");
    sum.textContent = money(line.cents * line.quantity);
    const remove = document.createElement("button");
    remove.className = "quiet";
    remove.textContent = "Remove";
    remove.addEventListener("click", () => save(load().filter((l) => l.id !== line.id)));
    item.append(name, sum, remove);
    return item;
  }));
  dialog.querySelector("[data-basket-sum]").textContent = money(total(lines));
  document.querySelector("[data-basket-count]").textContent = lines.reduce((n, l) => n + l.quantity, 0);
  form.hidden = lines.length === 0;
};

for (const button of document.querySelectorAll("[data-add]")) {
  button.addEventListener("click", () => {
    const { add: id, name, cents } = button.dataset;
    const lines = load();
    const line = lines.find((l) => l.id === id);
    if (line) line.quantity++;
    else lines.push({ id, name, cents: Number(cents), quantity: 1 });
    save(lines);
    note.textContent = "";
    dialog.showModal();
  });
}

document.querySelector("[data-basket-open]").addEventListener("click", () => dialog.showModal());

form.addEventListener("submit", async (e) => {
  e.preventDefault();
  const data = new FormData(form);
  const order = {
    name: data.get("name"),
    harbour: data.get("harbour"),
    items: load().map((l) => ({ product: l.id, quantity: l.quantity })),
  };
  try {
    const response = await fetch(seamark.orders, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(order),
    });
    const answer = await response.json();
    if (!response.ok) throw new Error(answer.detail ?? answer.title);
    save([]);
    note.textContent = `Order ${answer.id} is on its way to ${answer.harbour}.`;
  } catch (err) {
    note.textContent = `The order did not go through: ${err.message}`;
  }
});

show(load());

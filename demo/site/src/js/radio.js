// Channel 16: everybody who has the page open hears what anybody sends.
const maxEntries = 12;
const box = document.querySelector("[data-radio]");
const log = box.querySelector("[data-radio-log]");
const form = box.querySelector("[data-radio-form]");

const write = (from, text) => {
  log.querySelector(".waiting")?.remove();
  const entry = document.createElement("li");
  const who = document.createElement("b");
  who.textContent = from;
  entry.append(who, text);
  log.append(entry);
  while (log.children.length > maxEntries) log.firstElementChild.remove();
};

const address = new URL(seamark.radio, location.href);
address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
const socket = new WebSocket(address, "seamark.radio");
socket.addEventListener("message", (e) => {
  const { from, text } = JSON.parse(e.data);
  write(from, text);
});
socket.addEventListener("close", () => write("Radio", "The channel is closed. Load the page again to call."));

form.addEventListener("submit", (e) => {
  e.preventDefault();
  if (socket.readyState !== WebSocket.OPEN) return;
  socket.send(form.elements.text.value);
  form.reset();
});

// What the other scripts must know before they run.
window.seamark = {
  products: "/api/products",
  orders: "/api/orders",
  events: "/events",
  radio: "/ws",
};

// Cents in, euros out.
const euro = new Intl.NumberFormat("en-IE", { style: "currency", currency: "EUR" });

export const money = (cents) => euro.format(cents / 100);

export const total = (lines) => lines.reduce((sum, line) => sum + line.cents * line.quantity, 0);

"use strict";
document.documentElement.classList.add("js");
const all = (selector, within = document) => [...within.querySelectorAll(selector)];

// Numbers of the token under the pointer, or the one that was tapped.
const tip = document.getElementById("tip");
const numbersOf = (token) => {
  if (token.title) { token.dataset.numbers = token.title; token.removeAttribute("title"); }
  return token.dataset.numbers || "";
};
const show = (event) => {
  const token = event.target.closest(".t");
  tip.hidden = !token;
  if (!token) return;
  tip.textContent = numbersOf(token).split(" · ").join("\n");
  const box = token.getClientRects()[0];
  const left = Math.min(Math.max(8, box.left), window.innerWidth - tip.offsetWidth - 8);
  const below = box.bottom + 6;
  const fits = below + tip.offsetHeight < window.innerHeight;
  tip.style.left = left + "px";
  tip.style.top = (fits ? below : box.top - tip.offsetHeight - 6) + "px";
};
document.addEventListener("pointerover", show);
document.addEventListener("click", show);
document.addEventListener("scroll", () => { tip.hidden = true; }, { passive: true });

// A sentence's bar and the sentence.
document.addEventListener("pointerover", (event) => {
  for (const block of all(".block.on")) block.classList.remove("on");
  const item = event.target.closest(".blocks li");
  if (!item) return;
  const block = item.closest(".text").querySelector(`.block[data-k="${item.dataset.k}"]`);
  if (block) block.classList.add("on");
});

// Order and choice of texts.
const list = document.getElementById("list");
if (list) {
  const cards = all(".text", list);
  const order = document.getElementById("order");
  const only = document.getElementById("only");
  const arrange = () => {
    const [key, way] = order.value.split(" ");
    const value = (card) => (card.dataset[key] === "" ? -Infinity : Number(card.dataset[key]));
    const sorted = [...cards].sort((a, b) => {
      const [x, y] = [value(a), value(b)];
      if (x === y) return Number(a.dataset.place) - Number(b.dataset.place);
      return (x < y ? -1 : 1) * (way === "down" ? -1 : 1);
    });
    list.append(...sorted);
    for (const card of cards) card.hidden = Boolean(only && only.value && card.dataset.group !== only.value);
  };
  order.addEventListener("change", arrange);
  if (only) only.addEventListener("change", arrange);
}

// A text's tokens as a table, made when it is asked for.
document.addEventListener("toggle", (event) => {
  const details = event.target;
  if (!details.open || !details.matches(".numbers") || details.querySelector("table")) return;
  const table = document.createElement("table");
  const names = new Set();
  const rows = all(".t", details.closest(".text")).map((token) => {
    const parts = numbersOf(token).split(" · ").map((part) => {
      const space = part.indexOf(" ");
      return [part.slice(space + 1), part.slice(0, space)];
    });
    for (const [name] of parts) names.add(name);
    return [token.textContent, new Map(parts)];
  });
  const line = (cells, kind, parent) => {
    const row = parent.insertRow();
    for (const [i, cell] of cells.entries()) {
      const made = document.createElement(i === 0 ? "th" : kind);
      if (i === 0) made.scope = kind === "th" ? "col" : "row";
      made.textContent = cell;
      row.append(made);
    }
  };
  line(["token", ...names], "th", table.createTHead());
  const body = table.createTBody();
  for (const [token, numbers] of rows) {
    line([token, ...[...names].map((name) => numbers.get(name) || "–")], "td", body);
  }
  const holder = document.createElement("div");
  holder.className = "scroll";
  holder.append(table);
  details.append(holder);
}, true);

window.addEventListener("beforeprint", () => {
  for (const details of all("details:not(.numbers)")) details.open = true;
});

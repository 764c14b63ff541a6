// Looks every two seconds for mails that came; the open one stays as it is.
"use strict";
const list = document.getElementById("list");
const missing = document.querySelector(".empty") !== null;
let shown = list.querySelectorAll("li").length;

async function look() {
  try {
    const answer = await fetch("/list?mail=" + encodeURIComponent(list.dataset.chosen));
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").body;
    document.body.classList.remove("away");
    const count = fresh.querySelectorAll("li").length;
    const focused = list.contains(document.activeElement);
    if (count === shown || focused) return;
    if (missing && shown === 0) { location.reload(); return; }
    shown = count;
    list.replaceChildren(...fresh.childNodes);
    document.title = "(" + count + ") Simulated inbox";
  } catch {
    document.body.classList.add("away");
  }
}
setInterval(look, 2000);

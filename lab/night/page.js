"use strict";
// The page changes in place; where it cannot be fetched (a file), it is loaded again.
const EVERY_MS = 5000, STALE_S = 30;
let skew_s = 0;

function tell() {
  const main = document.querySelector("main");
  const age_s = Math.max(0, Date.now() / 1000 + skew_s - Number(main.dataset.written));
  const over = main.dataset.over === "1";
  const words = age_s < 90 ? `${Math.round(age_s)} s` : age_s < 5400 ? `${Math.round(age_s / 60)} min` : `${Math.round(age_s / 3600)} h`;
  document.getElementById("age").textContent = `, ${words} ago`;
  document.getElementById("stale").hidden = over || age_s <= STALE_S;
}

async function renew() {
  if (document.querySelector("main").dataset.over === "1") return;
  if (location.protocol === "file:") return location.reload();
  try {
    const answer = await fetch(location.origin + location.pathname, { cache: "no-store", credentials: "same-origin" });
    if (!answer.ok) return;
    const told = Date.parse(answer.headers.get("date"));
    skew_s = Number.isFinite(told) ? (told - Date.now()) / 1000 : 0;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    document.title = fresh.title;
    document.querySelector("main").replaceWith(document.adoptNode(fresh.querySelector("main")));
  } catch {
    // The PC does not answer: the age that is told goes on growing.
  }
  tell();
}

tell();
setInterval(tell, 1000);
setInterval(renew, EVERY_MS);

"use strict";
// Parts of a page that live are fetched again while somebody looks; nothing else changes, nothing jumps.
const EVERY_MS = 2000;

async function renew() {
  if (document.hidden) return;
  const live = [...document.querySelectorAll("[data-live]")];
  if (!live.length) return;
  const lost = document.getElementById("lost");
  try {
    const answer = await fetch(location.href, { cache: "no-store", credentials: "same-origin" });
    if (!answer.ok) throw new Error(String(answer.status));
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    document.title = fresh.title;
    for (const old of live) {
      const made = fresh.getElementById(old.id);
      if (!made || made.outerHTML === old.outerHTML || old.contains(document.activeElement)) continue;
      const picture = made.querySelector("img");
      if (picture) await picture.decode().catch(() => {});
      old.replaceWith(document.adoptNode(made));
    }
    lost.hidden = true;
  } catch {
    lost.hidden = false;
  }
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(button.dataset.copy);
  const said = button.textContent;
  button.textContent = "copied";
  setTimeout(() => { button.textContent = said; }, 1200);
});

for (const button of document.querySelectorAll("button[data-copy]")) button.hidden = !navigator.clipboard;
setInterval(renew, EVERY_MS);

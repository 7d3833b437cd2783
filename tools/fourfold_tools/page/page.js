"use strict";
globalThis.fourfold = {
  // Brings the page in the document to life; called again where another one has taken its place.
  begin() {
    const root = document.documentElement;
    const modes = ["auto", "light", "dark"];
    const theme = document.getElementById("theme");
    const kept = () => { try { return localStorage.getItem("fourfold-theme"); } catch { return null; } };
    const apply = (mode) => {
      if (mode === "auto") { root.removeAttribute("data-theme"); } else { root.setAttribute("data-theme", mode); }
      theme.textContent = "Colours: " + mode;
      theme.dataset.mode = mode;
    };
    if (theme) {
      theme.hidden = false;
      apply(modes.includes(kept()) ? kept() : root.dataset.theme || "auto");
      theme.addEventListener("click", () => {
        const next = modes[(modes.indexOf(theme.dataset.mode) + 1) % modes.length];
        try { localStorage.setItem("fourfold-theme", next); } catch { /* no storage: for this view only */ }
        apply(next);
      });
    }
    const only = document.getElementById("only");
    if (only) {
      only.hidden = false;
      only.addEventListener("click", () => {
        const on = document.body.classList.toggle("only-critical");
        only.setAttribute("aria-pressed", String(on));
      });
    }
    document.getElementById("tip")?.remove();
    const tip = document.createElement("div");
    tip.id = "tip";
    tip.hidden = true;
    tip.setAttribute("aria-hidden", "true");
    document.body.append(tip);
    const hide = () => { tip.hidden = true; };
    const show = (bar, x, y) => {
      tip.textContent = bar.dataset.told;
      tip.hidden = false;
      const box = tip.getBoundingClientRect();
      tip.style.left = Math.max(8, Math.min(x + 14, innerWidth - box.width - 8)) + "px";
      tip.style.top = (y + 18 + box.height > innerHeight ? y - box.height - 12 : y + 18) + "px";
    };
    for (const bar of document.querySelectorAll(".bar a")) {
      bar.addEventListener("mousemove", (e) => show(bar, e.clientX, e.clientY));
      bar.addEventListener("mouseleave", hide);
      bar.addEventListener("focus", () => { const b = bar.getBoundingClientRect(); show(bar, b.left, b.top); });
      bar.addEventListener("blur", hide);
      bar.addEventListener("keydown", (e) => { if (e.key === "Escape") { hide(); } });
    }
  },
};
addEventListener("beforeprint", () => { for (const part of document.querySelectorAll("details")) { part.open = true; } });
fourfold.begin();

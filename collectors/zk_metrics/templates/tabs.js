// The tabs: one panel is shown at a time. The address names it, so that a reload or a link opens it again.

class Tabs {
  constructor(changed) {
    this.tabs = [...document.querySelectorAll("[role=tab]")];
    this.changed = changed;
    for (const tab of this.tabs) {
      tab.addEventListener("click", () => this.show(tab));
      tab.addEventListener("keydown", (event) => this.key(event, tab));
    }
    addEventListener("hashchange", () => this.show(this.ofAddress(), false));
    this.show(this.ofAddress(), false);
  }

  ofAddress() { return this.tabs.find((tab) => `#${tab.dataset.name}` === location.hash) ?? this.tabs[1]; }

  get name() { return this.shown.dataset.name; }

  show(tab, note = true) {
    this.shown = tab;
    for (const each of this.tabs) {
      const on = each === tab;
      each.setAttribute("aria-selected", String(on));
      each.tabIndex = on ? 0 : -1;
      find(each.getAttribute("aria-controls")).hidden = !on;
    }
    if (note) history.replaceState(null, "", `#${tab.dataset.name}`);
    this.changed?.();
  }

  key(event, tab) {
    const step = {ArrowRight: 1, ArrowLeft: -1}[event.key];
    const place = this.tabs.indexOf(tab);
    const next = event.key === "Home" ? 0 : event.key === "End" ? this.tabs.length - 1
      : step ? (place + step + this.tabs.length) % this.tabs.length : null;
    if (next === null) return;
    event.preventDefault();
    this.show(this.tabs[next]);
    this.tabs[next].focus();
  }
}

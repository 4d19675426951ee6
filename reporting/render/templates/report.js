// Draws every chart into its place. As SVG: sharp in print, and coloured by the page's style sheet in both schemes.
(function () {
  "use strict";
  const { charts, data } = JSON.parse(document.getElementById("specs").textContent);
  // Charts share data. Each gets a copy, because Vega adds to the rows.
  const spec = (name) => {
    const datasets = Object.fromEntries(charts[name].datasets.map((key) => [key, structuredClone(data[key])]));
    return { ...charts[name], datasets };
  };
  const drawn = [...document.querySelectorAll("[data-chart]")].map(async (place) => {
    try {
      await vegaEmbed(place, spec(place.dataset.chart), { actions: false, renderer: "svg" });
    } catch (error) {
      place.textContent = "This chart could not be drawn: " + error.message;
      console.error(error);
    }
  });
  Promise.all(drawn).then(() => { document.documentElement.dataset.drawn = "all"; });
  // A closed <details> would be missing on paper.
  addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((d) => { d.open = true; }));
})();

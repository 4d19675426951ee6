// Shows the runs that fit all filters.
(function () {
  "use strict";
  const form = document.querySelector(".filters");
  if (!form) return;
  const rows = [...document.querySelectorAll('[aria-labelledby="runs"] tbody tr')];
  const words = rows.map((row) => row.textContent.toLowerCase());
  const text = document.getElementById("filter-text");
  const selects = [...form.querySelectorAll("select")];
  const filter = () => {
    let shown = 0;
    rows.forEach((row, at) => {
      const fits = text.value.toLowerCase().split(/\s+/).every((word) => words[at].includes(word)) &&
        selects.every((select) => !select.value || row.cells[select.dataset.column].textContent.trim() === select.value);
      row.hidden = !fits;
      shown += fits;
    });
    document.getElementById("shown").textContent = `${shown.toLocaleString("en")} of ${rows.length.toLocaleString("en")} runs`;
  };
  form.hidden = false;
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  filter();
})();

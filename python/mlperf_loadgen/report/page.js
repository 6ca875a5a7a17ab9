"use strict";
(() => {
  const root = document.documentElement;
  const report = JSON.parse(document.getElementById("report-data").textContent);
  const darkQuery = window.matchMedia("(prefers-color-scheme: dark)");
  const narrowQuery = window.matchMedia("(max-width: 760px)");
  const isDark = () => root.dataset.theme === "dark";

  // "$name" in a figure is the page's colour --name; "$fill0" is --run0, see-through.
  function withColors(value, colors) {
    if (typeof value === "string" && value.startsWith("$")) {
      const name = value.slice(1);
      if (!name.startsWith("fill")) return colors.getPropertyValue("--" + name).trim();
      return colors.getPropertyValue("--run" + name.slice(4)).trim() + "26";
    }
    if (Array.isArray(value)) return value.map((v) => withColors(v, colors));
    if (value !== null && typeof value === "object") {
      return Object.fromEntries(
        Object.entries(value).map(([key, inner]) => [key, withColors(inner, colors)]));
    }
    return value;
  }

  function layoutOf(figure, colors) {
    const color = (name) => colors.getPropertyValue("--" + name).trim();
    const axis = {
      gridcolor: color("grid"), linecolor: color("line"), tickcolor: color("line"),
      zeroline: false, showline: true, ticks: "outside", ticklen: 4, automargin: true,
      tickfont: { size: 11, color: color("soft") }, fixedrange: narrowQuery.matches,
    };
    const title = (from) => ({
      text: from.title.text, standoff: 8, font: { size: 12, color: color("soft") },
    });
    const { xaxis, yaxis, showlegend } = figure.layout;
    return {
      autosize: true,
      margin: { l: 58, r: figure.labels ? 58 : 18, t: 16, b: 44 },
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: color("ink") },
      hovermode: "closest",
      hoverlabel: { bgcolor: color("surface"), bordercolor: color("soft"), font: { color: color("ink") } },
      showlegend,
      legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom" },
      xaxis: { ...axis, ...xaxis, title: title(xaxis), showgrid: false },
      yaxis: { ...axis, ...yaxis, title: title(yaxis) },
    };
  }

  function draw() {
    const colors = getComputedStyle(root);
    const config = { responsive: true, displayModeBar: false };
    const drawn = [...document.querySelectorAll("[data-chart]")].map((place) => {
      const figure = report.charts[place.dataset.chart];
      return Plotly.react(
        place, withColors(figure.data, colors), layoutOf(figure, colors), config);
    });
    return Promise.all(drawn);
  }

  function show(theme) {
    root.dataset.theme = theme;
    document.getElementById("theme").textContent = isDark() ? "Light theme" : "Dark theme";
    return draw();
  }

  document.getElementById("theme").addEventListener("click", () => show(isDark() ? "light" : "dark"));
  darkQuery.addEventListener("change", () => show(darkQuery.matches ? "dark" : "light"));
  narrowQuery.addEventListener("change", draw);

  // On paper the light theme is the one to read.
  let onScreen = root.dataset.theme;
  window.addEventListener("beforeprint", () => {
    onScreen = root.dataset.theme;
    show("light");
  });
  window.addEventListener("afterprint", () => show(onScreen));

  show(root.dataset.theme).then(() => { root.dataset.rendered = "true"; });
})();

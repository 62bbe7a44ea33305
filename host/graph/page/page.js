(() => {
  "use strict";
  const view = document.getElementById("view"), svg = view.querySelector("svg"), say = document.getElementById("say");
  const box = document.getElementById("search"), nodes = [...svg.querySelectorAll(".node")];
  const links = [...svg.querySelectorAll("[data-ends]")].map(e => [e, e.dataset.ends.split(" ").map(Number)]);
  const rows = nodes.map((_, i) => document.getElementById("row" + i));
  const words = rows.map(r => r.textContent.toLowerCase());
  const at = nodes.map(n => n.dataset.at.split(" ").map(Number));
  const home = svg.getAttribute("viewBox").split(" ").map(Number);
  let shown = home.slice(), found = [], current = 0;
  document.documentElement.classList.add("live");

  const draw = () => svg.setAttribute("viewBox", shown.join(" "));
  const limit = (v, low, high) => Math.min(Math.max(v, low), high);
  const zoom = (by, fx = 0.5, fy = 0.5) => {
    const width = limit(shown[2] / by, 60, 4 * Math.max(home[2], home[3])), k = width / shown[2];
    shown = [shown[0] + shown[2] * (1 - k) * fx, shown[1] + shown[3] * (1 - k) * fy, width, shown[3] * k];
    draw();
  };
  const origin = i => {
    const b = nodes[i].getBBox(), m = svg.getCTM().inverse().multiply(nodes[i].getCTM());
    return [b.x + m.e, b.y + m.f, b.width, b.height];
  };
  const natural = () => { // as large as the letters need, from the first node
    const size = view.getBoundingClientRect();
    if (home[2] <= size.width && home[3] <= size.height || !size.width || !nodes.length) { shown = home.slice(); return draw(); }
    const width = size.width * Math.max(1, Math.min(home[2] / size.width, 1.4)), height = width * size.height / size.width;
    const [x, y, w] = origin(0);
    shown = [width >= home[2] ? (home[2] - width) / 2 : limit(x + w / 2 - width / 2, 0, home[2] - width), Math.min(y - 24, Math.max(0, home[3] - height)), width, height];
    draw();
  };
  const whole = () => { shown = home.slice(); draw(); };
  const reveal = i => {
    const [x, y, w, h] = origin(i);
    if (x < shown[0] || y < shown[1] || x + w > shown[0] + shown[2] || y + h > shown[1] + shown[3]) {
      shown[0] = x + w / 2 - shown[2] / 2; shown[1] = y + h / 2 - shown[3] / 2;
      draw();
    }
  };
  const near = i => links.forEach(([e, ends]) => e.classList.toggle("near", i >= 0 && ends.includes(i)));
  const focus = i => {
    nodes[current].setAttribute("tabindex", "-1");
    current = i;
    nodes[i].setAttribute("tabindex", "0");
    reveal(i);
    nodes[i].focus({preventScroll: true});
  };
  const step = (dl, dp) => {
    const [layer, place] = at[current];
    if (dp) return at.findIndex(([l, p]) => l === layer && p === place + dp);
    const ends = links.filter(([e, [f, t]]) => t !== undefined && (dl > 0 ? f : t) === current).map(([, [f, t]]) => dl > 0 ? t : f);
    return ends.length ? ends[0] : -1;
  };

  if (nodes.length) nodes[0].setAttribute("tabindex", "0");
  nodes.forEach((n, i) => {
    n.addEventListener("focus", () => near(i));
    n.addEventListener("blur", () => near(-1));
    n.addEventListener("click", () => focus(i));
    n.addEventListener("mouseenter", () => near(i));
    n.addEventListener("mouseleave", () => near(-1));
  });
  view.addEventListener("keydown", e => {
    const to = {ArrowDown: [1, 0], ArrowUp: [-1, 0], ArrowRight: [0, 1], ArrowLeft: [0, -1]}[e.key];
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    if (to && nodes.includes(document.activeElement)) { const i = step(...to); if (i >= 0) focus(i); }
    else if (to) { shown[0] += to[1] * shown[2] / 8; shown[1] += to[0] * shown[3] / 8; draw(); }
    else if (e.key === "+" || e.key === "=") zoom(1.25);
    else if (e.key === "-") zoom(0.8);
    else if (e.key === "0") whole();
    else if (e.key === "Enter" && nodes.includes(document.activeElement)) rows[current].scrollIntoView({block: "center"});
    else return;
    e.preventDefault();
  });
  view.addEventListener("wheel", e => {
    if (!e.ctrlKey && !e.metaKey) return;
    const r = view.getBoundingClientRect();
    zoom(Math.exp(-e.deltaY / 300), (e.clientX - r.left) / r.width, (e.clientY - r.top) / r.height);
    e.preventDefault();
  }, {passive: false});
  let grip = null;
  view.addEventListener("pointerdown", e => { if (e.button === 0) grip = [e.clientX, e.clientY, shown[0], shown[1]]; });
  window.addEventListener("pointermove", e => {
    if (!grip) return;
    const r = view.getBoundingClientRect(), scale = Math.max(shown[2] / r.width, shown[3] / r.height);
    shown[0] = grip[2] - (e.clientX - grip[0]) * scale; shown[1] = grip[3] - (e.clientY - grip[1]) * scale;
    draw();
  });
  window.addEventListener("pointerup", () => { grip = null; });

  const search = () => {
    const want = box.value.trim().toLowerCase();
    found = [];
    nodes.forEach((n, i) => {
      const hit = want !== "" && words[i].includes(want);
      if (hit) found.push(i);
      n.classList.toggle("found", hit);
      n.classList.toggle("dim", want !== "" && !hit);
      rows[i].classList.toggle("hidden", want !== "" && !hit);
    });
    links.forEach(([e, ends]) => e.classList.toggle("dim", want !== "" && !ends.some(i => found.includes(i))));
    say.textContent = want === "" ? "" : found.length === 1 ? "1 node found" : found.length + " nodes found";
    if (found.length) reveal(found[0]);
  };
  box.addEventListener("input", search);
  box.addEventListener("keydown", e => {
    if (e.key === "Escape") { box.value = ""; search(); }
    if (e.key === "Enter" && found.length) {
      const next = found[(found.indexOf(current) + 1) % found.length];
      nodes[current].setAttribute("tabindex", "-1"); current = next; nodes[next].setAttribute("tabindex", "0"); reveal(next); near(next);
      say.textContent = rows[next].cells[0].textContent + ", " + (found.indexOf(next) + 1) + " of " + found.length;
    }
  });
  document.getElementById("in").addEventListener("click", () => zoom(1.25));
  document.getElementById("out").addEventListener("click", () => zoom(0.8));
  document.getElementById("whole").addEventListener("click", whole);
  document.getElementById("natural").addEventListener("click", natural);
  window.addEventListener("beforeprint", whole);
  view.style.height = limit(home[3] * Math.min(1.25, view.clientWidth / home[2]), 240, 0.72 * window.innerHeight) + "px";
  natural();
})();

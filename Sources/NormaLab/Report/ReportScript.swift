/// What readers can do with the page; without it all is there to read.
enum ReportScript {
  static let page = #"""
    'use strict';
    const number = (v, d) => !Number.isFinite(v) ? '–' : v !== 0 && (Math.abs(v) >= 1e7 || Math.abs(v) < 1e-4)
      ? v.toExponential((d || 5) - 1).replace(/\.?0*e\+?/, 'e') : String(Number(v.toPrecision(d || 5)));
    const charts = [...document.querySelectorAll('figure.chart')].map(figure => ({
      figure, svg: figure.querySelector(':scope > svg'),
      data: JSON.parse(figure.querySelector('script').textContent),
      hidden: new Set(), readout: figure.querySelector('.readout'), at: -1 }));
    for (const { data } of charts) for (const s of data.series) { s.x ??= data.x; s.low ??= []; s.high ??= []; }
    const smooth = document.getElementById('smooth'), scale = document.getElementById('scale');
    const NS = 'http://www.w3.org/2000/svg';
    const element = (name, attributes, text) => {
      const made = document.createElementNS(NS, name);
      for (const key in attributes) made.setAttribute(key, attributes[key]);
      if (text !== undefined) made.textContent = text;
      return made;
    };
    const smoothed = (values, weight) => {
      if (!weight) return values;
      let mean = 0, sum = 0;
      return values.map(v => {
        if (v === null) return null;
        mean = weight * mean + (1 - weight) * v; sum = weight * sum + (1 - weight);
        return mean / sum;
      });
    };
    const round = given => {
      const power = Math.pow(10, Math.floor(Math.log10(given))), lead = given / power;
      return (lead < 1.5 ? 1 : lead < 3.5 ? 2 : lead < 7.5 ? 5 : 10) * power;
    };
    function axis(values, log, tight) {
      let low = Math.min(...values), high = Math.max(...values);
      const ticks = [];
      if (log) {
        if (high <= low * 1.001) { low /= 2; high *= 2; }
        const first = Math.floor(Math.log10(low)), last = Math.ceil(Math.log10(high));
        const steps = last - first > 3 ? [1] : [1, 2, 5], every = Math.max(1, Math.floor((last - first + 1) / 6));
        for (let p = first; p <= last; p++) if (p % every === 0)
          for (const s of steps) { const t = s * Math.pow(10, p); if (t >= low * .999 && t <= high * 1.001) ticks.push(t); }
        if (ticks.length < 2) return { ticks: axis(values, false, true).ticks, place: v => Math.log(v / low) / Math.log(high / low) };
      } else {
        if (high - low <= Math.abs(high) * 1e-9) { const room = Math.abs(high) * .1; if (high === 0) high = 1; else { low -= room; high += room; } }
        const step = round((high - low) / 5);
        if (!tight) { low = Math.floor(low / step) * step; high = Math.ceil(high / step) * step; }
        for (let t = Math.ceil(low / step), n = 0; t * step <= high + step * 1e-6 && n < 21; t++, n++) ticks.push(t * step);
      }
      return { ticks, place: v => log ? Math.log(v / low) / Math.log(high / low) : (v - low) / (high - low) };
    }
    function draw(chart) {
      const { data, svg, hidden } = chart, [left, right, top, bottom] = data.box, [width, height] = data.size;
      const shown = data.series.map((s, i) => i).filter(i => !hidden.has(i));
      const weight = Number(smooth.value);
      chart.drawn = data.series.map(s => ({ y: smoothed(s.y, weight),
        low: weight ? [] : s.low, high: weight ? [] : s.high }));
      const all = [];
      for (const i of shown) { const d = chart.drawn[i];
        for (const list of [d.y, d.low, d.high]) for (const v of list) if (v !== null) all.push(v); }
      for (const path of svg.querySelectorAll('.curves [data-series]'))
        path.style.display = hidden.has(Number(path.dataset.series)) ? 'none' : '';
      if (!all.length) return;
      const wanted = scale.value === 'auto' ? data.log : scale.value === 'log';
      const positive = all.filter(v => v > 0), log = wanted && positive.length > 0;
      const y = axis(log ? positive : all, log);
      const x = axis(data.series.flatMap(s => s.x), false, true);
      const px = v => left + x.place(v) * (width - left - right);
      const py = v => v === null || (log && !(v > 0)) ? null :
        top + (1 - Math.min(Math.max(y.place(v), 0), 1)) * (height - top - bottom);
      chart.px = px;
      const pixel = v => Math.round(v * 10) / 10;
      data.series.forEach((s, i) => {
        const d = chart.drawn[i];
        let path = '', down = false;
        s.x.forEach((v, k) => { const q = py(d.y[k]);
          if (q === null) { down = false; return; }
          path += (down ? 'L' : 'M') + pixel(px(v)) + ' ' + pixel(q); down = true; });
        svg.querySelector('.line[data-series="' + i + '"]').setAttribute('d', s.x.length === 1 ? path + 'h4' : path);
        const band = svg.querySelector('.band[data-series="' + i + '"]');
        if (!band) return;
        const up = [], back = [];
        s.x.forEach((v, k) => {
          const h = py(d.high[k] ?? null), l = log && !(d.low[k] > 0) ? height - bottom : py(d.low[k] ?? null);
          if (h === null || l === null) return;
          up.push(pixel(px(v)) + ' ' + pixel(h)); back.unshift(pixel(px(v)) + ' ' + pixel(l)); });
        band.setAttribute('d', up.length > 1 ? 'M' + up.concat(back).join('L') + 'Z' : '');
      });
      const axes = svg.querySelector('.axes'), labels = [...axes.querySelectorAll('text')].slice(-2);
      axes.replaceChildren();
      for (const t of y.ticks) { const q = py(t);
        axes.append(element('path', { class: 'grid', d: 'M' + left + ' ' + pixel(q) + 'H' + (width - right) }),
          element('text', { x: left - 6, y: pixel(q + 4), 'text-anchor': 'end' }, number(t, 3))); }
      for (const t of x.ticks)
        axes.append(element('text', { x: pixel(px(t)), y: height - bottom + 16, 'text-anchor': 'middle' }, number(t, 6)));
      axes.append(element('path', { class: 'frame', d: 'M' + left + ' ' + (height - bottom) + 'H' + (width - right) }), ...labels);
    }
    function read(chart, index) {
      const { data, svg, hidden } = chart, longest = data.series.reduce((a, b) => b.x.length > a.x.length ? b : a);
      chart.at = Math.min(Math.max(index, 0), longest.x.length - 1);
      const x = longest.x[chart.at];
      let cross = svg.querySelector('.cross');
      if (!cross) { cross = element('path', { class: 'cross' }); svg.append(cross); }
      const [, , top, bottom] = data.box;
      cross.setAttribute('d', 'M' + chart.px(x) + ' ' + top + 'V' + (data.size[1] - bottom));
      const words = data.series.map((s, i) => {
        if (hidden.has(i) || x < s.x[0] || x > s.x[s.x.length - 1]) return null;
        let best = 0;
        s.x.forEach((v, k) => { if (Math.abs(v - x) < Math.abs(s.x[best] - x)) best = k; });
        const value = chart.drawn[i].y[best];
        if (value === null || value === undefined) return null;
        const { low, high } = chart.drawn[i];
        return s.name + ' ' + number(value) + (high.length ? ' (' + number(low[best]) + ' to ' + number(high[best]) + ')' : '');
      }).filter(Boolean);
      chart.readout.textContent = 'step ' + number(x, 6) + ': ' + words.join(', ');
    }
    function forget(chart) { chart.svg.querySelector('.cross')?.remove(); chart.readout.textContent = ''; chart.at = -1; }
    for (const chart of charts) {
      const { svg, figure, data } = chart;
      chart.drawn = data.series; draw(chart);
      svg.setAttribute('tabindex', '0');
      svg.addEventListener('pointermove', event => {
        const box = svg.getBoundingClientRect(), at = (event.clientX - box.left) / box.width * data.size[0];
        const longest = data.series.reduce((a, b) => b.x.length > a.x.length ? b : a);
        let best = 0;
        longest.x.forEach((v, k) => { if (Math.abs(chart.px(v) - at) < Math.abs(chart.px(longest.x[best]) - at)) best = k; });
        read(chart, best);
      });
      svg.addEventListener('pointerleave', () => forget(chart));
      svg.addEventListener('blur', () => forget(chart));
      svg.addEventListener('keydown', event => {
        const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10 }[event.key];
        if (step) { read(chart, chart.at < 0 ? 0 : chart.at + step); event.preventDefault(); }
        else if (event.key === 'Home') { read(chart, 0); event.preventDefault(); }
        else if (event.key === 'End') { read(chart, Infinity); event.preventDefault(); }
        else if (event.key === 'Escape') forget(chart);
      });
      for (const button of figure.querySelectorAll('.legend button'))
        button.addEventListener('click', () => {
          const index = Number(button.dataset.series), on = chart.hidden.has(index);
          if (on) chart.hidden.delete(index); else chart.hidden.add(index);
          button.setAttribute('aria-pressed', on); draw(chart);
        });
    }
    if (charts.length) document.querySelector('.tools').hidden = false;
    smooth.addEventListener('input', () => { smooth.nextElementSibling.value = smooth.value; charts.forEach(draw); });
    scale.addEventListener('change', () => charts.forEach(draw));
    for (const table of document.querySelectorAll('table.sortable')) {
      const heads = [...table.tHead.rows[0].cells];
      heads.forEach((head, column) => {
        const button = document.createElement('button');
        button.type = 'button'; button.textContent = head.textContent; head.replaceChildren(button);
        button.addEventListener('click', () => {
          const up = head.getAttribute('aria-sort') !== 'ascending', body = table.tBodies[0];
          heads.forEach(h => h.removeAttribute('aria-sort'));
          head.setAttribute('aria-sort', up ? 'ascending' : 'descending');
          const key = row => { const cell = row.cells[column], v = cell.dataset.value ?? cell.textContent;
            return v.trim() !== '' && Number.isFinite(Number(v)) ? Number(v) : v; };
          const isNumber = v => typeof v === 'number';
          [...body.rows].sort((a, b) => { const [p, q] = [key(a), key(b)];
            if (isNumber(p) !== isNumber(q)) return isNumber(p) ? -1 : 1;
            const order = isNumber(p) ? p - q : p.localeCompare(q, 'en', { numeric: true });
            return up ? order : -order; }).forEach(row => body.append(row));
        });
      });
    }
    addEventListener('beforeprint', () => {
      for (const part of document.querySelectorAll('details')) part.open = true; });
    if (new URLSearchParams(location.search).has('live') && document.body.dataset.unfinished === 'true')
      setTimeout(() => location.reload(), 3000);
    """#
}

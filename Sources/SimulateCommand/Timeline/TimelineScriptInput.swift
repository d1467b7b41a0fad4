/// The page's program, second half: cursor, zoom, scrubber, details, table.
extension TimelineScript {
    static let input = #"""
        const rowsBy = D.names.map(() => []);
        D.rows.forEach((r, at) => { if (r[1] >= 0) rowsBy[r[1]].push(at); });
        function lastRow(list, t) {
          let low = 0, high = list.length;
          while (low < high) { const mid = (low + high) >> 1; if (D.rows[list[mid]][0] <= t) low = mid + 1; else high = mid; }
          return low ? D.rows[list[low - 1]] : null;
        }
        D.stateAt = (i, t) => {
          const r = lastRow(rowsBy[i], t), hit = list => list.find(s => s[0] === i && s[1] <= t && (t < s[2] || s[2] >= D.end));
          const state = hit(D.states), lease = hit(D.leases), gate = hit(D.gates), phase = hit(D.phases), lead = hit(D.roles);
          return { power: state ? state[3] : 'running', role: lead ? 'quorum leader' : r ? r[2].replace('leader', 'follower') : '-',
            term: lead ? lead[3] : r ? r[3] : '', commit: r ? r[4] : '-', token: lease ? lease[3] : '',
            gate: gate ? 'paused, ' + gate[3] : 'open', phase: phase ? phase[3] : r && r[6] !== '-' ? r[6] : '' };
        };
        const escape = s => ('' + s).replace(/[&<>"]/g, c => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c]);
        function panel() {
          $('when').textContent = sec(Math.round(cursor)) + (pinned ? ' (click to let go)' : '');
          const lines = D.names.map((name, i) => { const s = D.stateAt(i, cursor);
            const ink = s.power !== 'running' ? 'var(--off)' : s.role === 'quorum leader' ? 'var(--leader)' : 'var(--follow)';
            return '<tr><td><span class=dot style="background:' + ink + '"></span>' + escape(name) + '</td><td>'
              + escape(s.power === 'running' ? s.role : s.power) + '</td><td>' + escape(s.term) + '</td><td>' + escape(s.commit)
              + '</td><td>' + escape(s.token || '-') + '</td><td>' + escape(s.gate) + '</td><td>' + escape(s.phase) + '</td></tr>'; });
          $('state').innerHTML = '<tr><th>device<th>role<th>term<th>commit<th>token<th>writers<th>round</tr>' + lines.join('');
          let low = 0, high = D.rows.length;
          while (low < high) { const mid = (low + high) >> 1; if (D.rows[mid][0] <= cursor) low = mid + 1; else high = mid; }
          fill(low - 1);
        }
        let shown = -1;
        function fill(at) {
          if (at === shown) return; shown = at;
          const a = Math.max(0, at - 40), b = Math.min(D.rows.length, at + 40);
          $('table').innerHTML = D.rows.slice(a, b).map((r, k) => '<tr data-at=' + (a + k) + ' class="'
            + (a + k === at ? 'now ' : '') + (r[8] ? 'bad' : '') + '"><td>' + (r[0] / 1e6).toFixed(3) + '</td><td>'
            + escape(r[1] >= 0 ? D.names[r[1]] : '') + '</td><td>' + escape(r[7]) + '</td></tr>').join('');
          const row = $('table').querySelector('.now');
          if (row) $('rows').scrollTop = row.offsetTop - 100;
        }
        function overview() {
          const g = map.getContext('2d'), x = t => GUTTER + t / D.end * (W - GUTTER - 14);
          g.fillStyle = css.paper; g.fillRect(0, 0, W, MAP);
          const counts = new Array(Math.max(1, Math.floor((W - GUTTER - 14) / 2))).fill(0);
          for (const m of D.messages) if (m[4] !== 0) counts[Math.min(counts.length - 1, Math.floor(m[2] / D.end * counts.length))]++;
          const most = Math.max(4, ...counts);
          g.fillStyle = css.follow; g.globalAlpha = .8;
          counts.forEach((c, k) => { if (c) { const h = 3 + c / most * 26; g.fillRect(GUTTER + k * 2, 40 - h, 1.5, h); } });
          g.globalAlpha = 1; g.fillStyle = css.fault;
          for (const [a, b] of D.faults) g.fillRect(x(a), 4, Math.max(1.5, x(b) - x(a)), 38);
          for (const m of D.marks) if (m[2] === 'bad' || m[2] === 'crash' || m[2] === 'published') {
            g.fillStyle = m[2] === 'published' ? css.good : css.bad; g.fillRect(x(m[1]) - .7, m[2] === 'published' ? 42 : 4, 1.4, m[2] === 'published' ? 5 : 38); }
          g.fillStyle = css.leader; g.globalAlpha = .16; g.fillRect(x(from), 2, Math.max(3, x(to) - x(from)), 46); g.globalAlpha = 1;
          g.strokeStyle = css.leader; g.strokeRect(x(from) + .5, 2.5, Math.max(3, x(to) - x(from)) - 1, 45);
          g.fillStyle = css.ink; g.fillRect(x(cursor) - .5, 2, 1, 46);
          g.fillStyle = css.soft; g.font = '11px system-ui, sans-serif';
          g.fillText('whole run', 18, 22); g.fillText(sec(D.end), 18, 37);
        }
        let waiting = false;
        function draw() {
          if (waiting) return; waiting = true;
          requestAnimationFrame(() => {
            waiting = false; const g = view.getContext('2d');
            g.fillStyle = css.paper; g.fillRect(0, 0, W, H);
            lanes(g); g.save(); g.beginPath(); g.rect(GUTTER, 0, W - GUTTER, H); g.clip();
            axis(g); faults(g); wires(g); bars(g); messages(g); marks(g);
            if (D.heal >= from && D.heal <= to) { g.strokeStyle = css.good; g.setLineDash([6, 4]); g.beginPath();
              g.moveTo(X(D.heal), TOP - 8); g.lineTo(X(D.heal), H); g.stroke(); g.setLineDash([]);
              label(g, 'all is mended', X(D.heal) + 4, TOP + 8, 120, css.good); }
            if (D.bad >= from && D.bad <= to) { g.strokeStyle = css.bad; g.lineWidth = 2; g.beginPath();
              g.moveTo(X(D.bad), TOP - 8); g.lineTo(X(D.bad), H); g.stroke(); g.lineWidth = 1; }
            g.strokeStyle = css.ink; g.globalAlpha = .6; g.beginPath(); g.moveTo(X(cursor), TOP - 8); g.lineTo(X(cursor), H);
            g.stroke(); g.globalAlpha = 1; g.restore(); gutter(g); overview(); panel();
          });
        }
        function bound(a, b) {
          const width = Math.min(D.end, Math.max(2000, b - a)); from = Math.max(0, Math.min(a, D.end - width)); to = from + width; draw();
        }
        function zoom(at, factor) { bound(at - (at - from) * factor, at + (to - at) * factor); }
        function near(x, y) {
          let best = null, least = 9;
          for (const m of D.marks) { if (m[0] < 0) continue; const d = Math.hypot(X(m[1]) - x, base(m[0]) - y); if (d < least) { least = d; best = m; } }
          if (best) return best;
          for (const m of D.messages) {
            if (!visible(m)) continue;
            const x1 = X(m[2]), y1 = base(m[0]), x2 = m[3] < 0 ? X(m[2] + Math.min(60000, (to - from) / 40)) : X(m[3]), y2 = base(m[1]);
            const l = (x2 - x1) ** 2 + (y2 - y1) ** 2 || 1, k = Math.max(0, Math.min(1, ((x - x1) * (x2 - x1) + (y - y1) * (y2 - y1)) / l));
            const d = Math.hypot(x1 + k * (x2 - x1) - x, y1 + k * (y2 - y1) - y); if (d < least) { least = d; best = m; }
          }
          return best;
        }
        function under(x, y) {
          const i = Math.floor((y - TOP) / LANE), t = T(x), parts = [];
          for (const [a, b, text] of D.faults) if (a <= t && t <= b) parts.push('fault: ' + text + ' (' + sec(a) + ' to ' + sec(b) + ')');
          if (i >= 0 && i < n) {
            for (const s of D.states) if (s[0] === i && s[1] <= t && t <= s[2]) parts.push(s[3] + ' from ' + sec(s[1]) + ' to ' + sec(s[2]));
            for (const s of D.leases) if (s[0] === i && s[1] <= t && t <= s[2]) parts.push('acts as holder under token ' + s[3] + ', ' + sec(s[1]) + ' to ' + sec(s[2]));
            for (const s of D.gates) if (s[0] === i && s[1] <= t && t <= s[2]) parts.push('writers paused for ' + s[3] + ', ' + sec(s[2] - s[1]));
            for (const s of D.phases) if (s[0] === i && s[1] <= t && t <= s[2]) parts.push('round ' + s[4] + ': ' + s[3] + ', ' + sec(s[2] - s[1]));
          }
          return parts.join('\n');
        }
        function hint(e) {
          const box = view.getBoundingClientRect(), x = e.clientX - box.left, y = e.clientY - box.top;
          if (x < GUTTER || drag) { tip.style.display = 'none'; return; }
          hover = near(x, y); let text = '';
          if (hover && hover.length >= 6) text = '<b>' + escape(D.names[hover[0]]) + ' → ' + escape(D.names[hover[1]]) + '</b> sent '
            + sec(hover[2]) + (hover[3] < 0 ? ', <b style="color:var(--bad)">lost</b>' : ', arrived after ' + ((hover[3] - hover[2]) / 1000).toFixed(2) + ' ms')
            + '\n' + escape(D.texts[hover[5]]);
          else if (hover) text = '<b>' + escape(D.names[hover[0]]) + '</b> at ' + sec(hover[1]) + '\n' + escape(hover[3]);
          else text = escape(under(x, y));
          tip.style.display = text ? 'block' : 'none'; tip.innerHTML = text;
          tip.style.left = Math.min(x + 14, W - 480) + 'px'; tip.style.top = (y + 16) + 'px';
        }
        let drag = null;
        view.addEventListener('pointerdown', e => { drag = { x: e.clientX, from, to, moved: false }; view.setPointerCapture(e.pointerId); });
        view.addEventListener('pointermove', e => {
          if (drag && Math.abs(e.clientX - drag.x) > 3) { drag.moved = true;
            const d = (drag.x - e.clientX) / (W - GUTTER - 14) * (drag.to - drag.from); bound(drag.from + d, drag.to + d);
          } else if (!drag && !pinned) { cursor = Math.max(0, Math.min(D.end, T(e.offsetX))); draw(); }
          hint(e); draw();
        });
        view.addEventListener('pointerup', e => { if (drag && !drag.moved) { pinned = !pinned; cursor = Math.max(0, Math.min(D.end, T(e.offsetX))); } drag = null; draw(); });
        view.addEventListener('pointerleave', () => { tip.style.display = 'none'; hover = null; draw(); });
        view.addEventListener('wheel', e => { e.preventDefault();
          if (e.shiftKey || Math.abs(e.deltaX) > Math.abs(e.deltaY)) { const d = (e.deltaX || e.deltaY) / 900 * (to - from); bound(from + d, to + d); }
          else zoom(T(e.offsetX), Math.exp(e.deltaY / 400)); }, { passive: false });
        let grip = null;
        const mapTime = e => (e.offsetX - GUTTER) / (W - GUTTER - 14) * D.end;
        map.addEventListener('pointerdown', e => { const t = mapTime(e); map.setPointerCapture(e.pointerId);
          grip = t >= from && t <= to && to - from < D.end * .98 ? t - from : (to - from) / 2;
          if (to - from >= D.end * .98) { grip = null; cursor = t; pinned = true; draw(); } else bound(t - grip, t - grip + (to - from)); });
        map.addEventListener('pointermove', e => { if (grip !== null && e.buttons) { const t = mapTime(e); bound(t - grip, t - grip + (to - from)); }
          else if (e.buttons) { cursor = Math.max(0, Math.min(D.end, mapTime(e))); draw(); } });
        map.addEventListener('pointerup', () => { grip = null; });
        $('table').addEventListener('click', e => { const row = e.target.closest('tr'); if (!row) return;
          cursor = D.rows[row.dataset.at][0]; pinned = true;
          if (cursor < from || cursor > to) bound(cursor - (to - from) / 2, cursor + (to - from) / 2); draw(); });
        function step(by) {
          let at = D.rows.findIndex(r => r[0] > cursor); if (at < 0) at = D.rows.length;
          at = by > 0 ? at : Math.max(0, at - 2); if (!D.rows[at]) return; cursor = D.rows[at][0]; pinned = true;
          if (cursor < from || cursor > to) bound(cursor - (to - from) / 2, cursor + (to - from) / 2); draw();
        }
        addEventListener('keydown', e => { const w = to - from;
          const acts = { ArrowRight: () => step(1), ArrowLeft: () => step(-1), '+': () => zoom(cursor, .6), '=': () => zoom(cursor, .6),
            '-': () => zoom(cursor, 1.7), a: () => bound(0, D.end), d: () => bound(from + w / 3, to + w / 3), s: () => bound(from - w / 3, to - w / 3),
            Escape: () => { pinned = false; draw(); } };
          if (acts[e.key] && !e.ctrlKey && !e.metaKey) { e.preventDefault(); acts[e.key](); } });
        for (const box of document.querySelectorAll('.bar input')) { box.checked = show[box.name]; box.addEventListener('change', () => { show[box.name] = box.checked; draw(); }); }
        $('all').onclick = () => bound(0, D.end); $('in').onclick = () => zoom(cursor, .5); $('out').onclick = () => zoom(cursor, 2);
        if (D.bad >= 0) { $('jump').onclick = () => { cursor = D.bad; pinned = true; bound(D.bad - 3e6, D.bad + 1e6); }; } else $('jump').remove();
        addEventListener('resize', () => { sizes(); draw(); });
        matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => { sizes(); draw(); });
        cursor = D.bad >= 0 ? D.bad : D.view ? (D.view[0] + D.view[1]) / 2 : D.end / 2; sizes();
        if (D.view) bound(D.view[0], D.view[1]); else draw();
        """#
}

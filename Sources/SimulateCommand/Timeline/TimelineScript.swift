/// The page's program, first half: what is on the canvas. `D` is the run: see Timeline.swift for its fields.
enum TimelineScript {
    static let drawing = #"""
        'use strict';
        const D = JSON.parse(document.getElementById('run').textContent);
        const $ = id => document.getElementById(id);
        const view = $('view'), map = $('map'), tip = $('tip');
        const GUTTER = 148, TOP = 58, LANE = 104, MAP = 54, n = D.names.length;
        let W = 0, H = 0, css = {}, from = 0, to = D.end, cursor = 0, pinned = false, hover = null;
        const show = { heart: false, raft: true, lease: false, round: true, other: false, lost: true };
        const classes = ['heart', 'raft', 'lease', 'round', 'other'];
        const palette = ['#2f6fed', '#0f9d8a', '#8e4ec6', '#d6409f', '#c2750a', '#3b8f2b', '#5b6ee1', '#b4552d'];
        const colour = token => palette[token % palette.length];
        const X = t => GUTTER + (t - from) / (to - from) * (W - GUTTER - 14);
        const T = x => from + (x - GUTTER) / (W - GUTTER - 14) * (to - from);
        const top_ = i => TOP + i * LANE;
        const base = i => top_(i) + LANE - 20;
        const sec = t => (t % 1e6 ? (t / 1e6).toFixed(3).replace(/0+$/, '').replace(/\.$/, '') : t / 1e6) + ' s';

        function sizes() {
          const style = getComputedStyle(document.documentElement);
          for (const k of ['ink', 'soft', 'line', 'paper', 'lane', 'lane2', 'good', 'bad', 'fault', 'faultink', 'gate',
            'leader', 'candidate', 'follow', 'sleep', 'off', 'panel']) css[k] = style.getPropertyValue('--' + k).trim();
          W = document.body.clientWidth; H = TOP + n * LANE + 8;
          const ratio = devicePixelRatio || 1;
          for (const [c, h] of [[view, H], [map, MAP]]) {
            c.width = W * ratio; c.height = h * ratio; c.style.height = h + 'px';
            c.getContext('2d').setTransform(ratio, 0, 0, ratio, 0, 0);
          }
        }
        function clip(g, a, b) { return [Math.max(X(a), GUTTER), Math.min(X(b), W - 14)]; }
        function hatch(g, x, y, w, h, ink, gap) {
          g.save(); g.beginPath(); g.rect(x, y, w, h); g.clip(); g.strokeStyle = ink; g.globalAlpha = .35; g.lineWidth = 1;
          g.beginPath();
          for (let s = x - h - (x - h) % gap; s < x + w; s += gap) { g.moveTo(s, y + h); g.lineTo(s + h, y); }
          g.stroke(); g.restore();
        }
        function block(g, x, y, w, h, fill, radius) {
          g.fillStyle = fill; g.beginPath(); g.roundRect(x, y, Math.max(w, 1.5), h, Math.min(radius, Math.max(w, 1) / 2)); g.fill();
        }
        function label(g, text, x, y, room, ink, weight) {
          if (room < 14) return false;
          g.font = (weight || '') + ' 11px system-ui, sans-serif'; g.fillStyle = ink;
          while (text.length > 1 && g.measureText(text).width > room) text = text.slice(0, -2) + '…';
          if (g.measureText(text).width > room) return false;
          g.fillText(text, x, y); return true;
        }
        function axis(g) {
          const want = (to - from) / Math.max(4, (W - GUTTER) / 110);
          let step = 1; while (step < want) step *= (('' + step)[0] === '2' ? 2.5 : 2);
          g.font = '11px system-ui, sans-serif'; g.textAlign = 'center';
          for (let t = Math.ceil(from / step) * step; t <= to; t += step) {
            g.strokeStyle = css.line; g.globalAlpha = .7; g.lineWidth = 1; g.beginPath();
            g.moveTo(Math.round(X(t)) + .5, TOP - 8); g.lineTo(Math.round(X(t)) + .5, H); g.stroke(); g.globalAlpha = 1;
            if (X(t) > GUTTER + 16 && X(t) < W - 24) { g.fillStyle = css.soft; g.fillText(sec(Math.round(t)), X(t), 14); }
          }
          g.textAlign = 'left';
        }
        function faults(g) {
          const ends = [-1e9, -1e9];
          for (const [a, b, text, who] of D.faults) {
            if (b < from || a > to) continue;
            const [x, x2] = clip(g, a, b), w = Math.max(x2 - x, 2);
            g.fillStyle = css.fault; g.fillRect(x, TOP - 8, w, H - TOP + 8);
            for (const i of who) hatch(g, x, top_(i) + 2, w, LANE - 4, css.faultink, 9);
            let row = ends[0] < x ? 0 : ends[1] < x ? 1 : -1; if (row < 0) continue;
            g.font = '11px system-ui, sans-serif';
            const y = 20 + row * 15;
            block(g, x, y, w, 12, css.faultink, 3);
            const width = g.measureText(text).width;
            if (width + 8 <= w) { label(g, text, x + 4, y + 10, w, css.paper); ends[row] = x + w + 4; }
            else { const ok = label(g, text, x + w + 4, y + 10, Math.min(320, W - x - w - 20), css.faultink);
              ends[row] = x + w + (ok ? Math.min(width, 320) + 10 : 4); }
          }
        }
        function lanes(g) {
          for (let i = 0; i < n; i++) { g.fillStyle = i % 2 ? css.lane2 : css.lane; g.fillRect(0, top_(i), W, LANE); }
        }
        function bars(g) {
          for (const [i, a, b, term] of D.roles) {
            if (b < from || a > to) continue;
            const [x, x2] = clip(g, a, b);
            block(g, x, base(i) - 4, x2 - x, 8, css.leader, 4);
            label(g, 'quorum leader, term ' + term, x + 4, base(i) + 15, x2 - x - 8, css.leader);
          }
          for (const [i, a, b, token] of D.leases) {
            if (b < from || a > to) continue;
            const [x, x2] = clip(g, a, b), ink = colour(+('' + token).split('.').pop());
            g.globalAlpha = .92; block(g, x, top_(i) + 10, x2 - x, 18, ink, 4); g.globalAlpha = 1;
            label(g, 'lease ' + token, x + 6, top_(i) + 23, x2 - x - 10, '#fff', '600');
          }
          for (const [i, a, b, text] of D.gates) {
            if (b < from || a > to) continue;
            const [x, x2] = clip(g, a, b);
            block(g, x, top_(i) + 32, x2 - x, 11, css.gate, 3);
            if (x2 - x > 52) label(g, x2 - x > 150 ? 'writers paused for ' + text : 'paused', x + 5, top_(i) + 41, x2 - x - 8, '#3d2a00');
          }
          for (const [i, a, b, phase, round] of D.phases) {
            if (b < from || a > to) continue;
            const [x, x2] = clip(g, a, b);
            g.globalAlpha = .20; block(g, x, top_(i) + 47, x2 - x - .5, 15, css.leader, 3); g.globalAlpha = 1;
            if (x2 - x > 30) label(g, phase, x + 4, top_(i) + 58, x2 - x - 6, css.ink);
          }
          for (const [i, a, b, kind] of D.states) {
            if (b < from || a > to) continue;
            const [x, x2] = clip(g, a, b), w = Math.max(x2 - x, 2);
            const ink = kind === 'asleep' ? css.sleep : css.off;
            g.globalAlpha = kind === 'asleep' ? .30 : .42; g.fillStyle = ink;
            g.fillRect(x, top_(i) + 2, w, LANE - 4); g.globalAlpha = 1;
            hatch(g, x, top_(i) + 2, w, LANE - 4, ink, 6);
            label(g, (kind === 'asleep' ? '☾ ' : kind === 'off' ? '✕ ' : '❚❚ ') + kind, x + 6, top_(i) + LANE / 2 + 22, w - 10, css.ink, '600');
          }
        }
        function wires(g) {
          for (let i = 0; i < n; i++) {
            g.strokeStyle = css.follow; g.lineWidth = 1.5; g.beginPath();
            g.moveTo(GUTTER, base(i)); g.lineTo(W - 14, base(i)); g.stroke();
          }
        }
        function inks(kind) { return [css.follow, css.leader, '#0f9d8a', '#8e4ec6', css.soft][kind]; }
        function visible(m) {
          const end = m[3] < 0 ? m[2] + 60000 : m[3];
          return end >= from && m[2] <= to && show[classes[m[4]]] && (m[3] >= 0 || show.lost);
        }
        function messages(g) {
          let count = 0; for (const m of D.messages) if (visible(m)) count++;
          const alpha = count > 4000 ? .12 : count > 1200 ? .28 : count > 300 ? .5 : .8;
          for (const m of D.messages) {
            if (!visible(m)) continue;
            const [a, b, t0, t1, kind] = m, lost = t1 < 0;
            const x = X(t0), y = base(a), y2 = base(b), x2 = lost ? X(t0 + Math.min(60000, (to - from) / 40)) : X(t1);
            g.globalAlpha = lost ? Math.min(1, alpha * 1.5) : alpha;
            g.strokeStyle = lost ? css.bad : inks(kind); g.lineWidth = hover === m ? 2.6 : lost ? 1.1 : 1.2;
            if (hover === m) g.globalAlpha = 1;
            g.setLineDash(lost ? [4, 3] : []); g.beginPath(); g.moveTo(x, y);
            const ex = lost ? x + (x2 - x) * .6 : x2, ey = lost ? y + (y2 - y) * .42 : y2;
            g.lineTo(ex, ey); g.stroke(); g.setLineDash([]);
            if (lost) { g.lineWidth = 1.6; g.beginPath(); g.moveTo(ex - 3, ey - 3); g.lineTo(ex + 3, ey + 3);
              g.moveTo(ex + 3, ey - 3); g.lineTo(ex - 3, ey + 3); g.stroke();
            } else if (count < 1500 || hover === m) {
              const angle = Math.atan2(ey - y, ex - x); g.fillStyle = inks(kind); g.beginPath(); g.moveTo(ex, ey);
              g.lineTo(ex - 7 * Math.cos(angle - .38), ey - 7 * Math.sin(angle - .38));
              g.lineTo(ex - 7 * Math.cos(angle + .38), ey - 7 * Math.sin(angle + .38)); g.fill();
            }
          }
          g.globalAlpha = 1;
        }
        const glyphs = { crash: '✕', start: '▲', sleep: '☾', wake: '☀', elected: '♛', published: '●', leads: '◆',
          lost: '◇', fault: '⚡', mend: '✓', refused: '⛔', client: '☞', bad: '✖' };
        function marks(g) {
          g.textAlign = 'center';
          for (const m of D.marks) {
            const [i, t, kind] = m; if (t < from || t > to || i < 0) continue;
            const ink = kind === 'bad' ? css.bad : kind === 'crash' || kind === 'refused' ? css.faultink
              : kind === 'published' ? css.good : kind === 'elected' ? css.leader : css.ink;
            const y = base(i) - (hover === m ? 1 : 0);
            g.fillStyle = css.paper; g.globalAlpha = .85; g.beginPath(); g.arc(X(t), y, 7, 0, 7); g.fill(); g.globalAlpha = 1;
            g.font = (hover === m ? '16' : kind === 'published' ? '12' : '13') + 'px system-ui, sans-serif';
            g.fillStyle = ink; g.fillText(glyphs[kind] || '•', X(t), y + 4.5);
          }
          g.textAlign = 'left';
        }
        function gutter(g) {
          g.fillStyle = css.paper; g.fillRect(0, 0, GUTTER, TOP - 1);
          for (let i = 0; i < n; i++) {
            g.fillStyle = i % 2 ? css.lane2 : css.lane; g.fillRect(0, top_(i), GUTTER, LANE);
            g.font = '600 14px system-ui, sans-serif'; g.fillStyle = css.ink; g.fillText(D.names[i], 18, top_(i) + 24);
            const s = D.stateAt(i, cursor); g.font = '11px system-ui, sans-serif'; g.fillStyle = css.soft;
            g.fillText(s.power !== 'running' ? s.power : (s.role === 'quorum leader' ? 'leads the quorum' : s.role) + (s.term ? ', t' + s.term : ''), 18, top_(i) + 41);
            if (s.power === 'running') g.fillText(s.token ? 'token ' + s.token : 'commit ' + s.commit, 18, top_(i) + 56);
          }
          g.fillStyle = css.line; g.fillRect(GUTTER - 1, TOP - 8, 1, H);
        }
        """#
}

/// The look of the timeline's page: one sheet, light and dark, no font or image from elsewhere.
enum TimelineStyle {
    static let text = #"""
        :root { --ink:#1d2330; --soft:#667085; --line:#d5dae3; --paper:#fbfcfe; --lane:#f1f4f9; --lane2:#f7f9fc;
          --good:#147d52; --bad:#c0262d; --fault:rgba(208,58,46,.10); --faultink:#b42318; --gate:#e8a317;
          --leader:#1f4fd8; --candidate:#d9730d; --follow:#98a2b3; --sleep:#27335c; --off:#8b93a3;
          --panel:#ffffff; --shadow:0 4px 18px rgba(16,24,40,.14); color-scheme:light dark }
        @media (prefers-color-scheme: dark) { :root { --ink:#e6e9f0; --soft:#98a2b3; --line:#333b4a; --paper:#12151c;
          --lane:#191e28; --lane2:#151922; --good:#4cc38a; --bad:#ff6b6b; --fault:rgba(255,99,84,.13);
          --faultink:#ff9b8f; --gate:#f0b429; --leader:#7aa2ff; --candidate:#ffa057; --follow:#667085; --sleep:#8fa3e8;
          --off:#5b6372; --panel:#1b202b; --shadow:0 4px 18px rgba(0,0,0,.5) } }
        * { box-sizing:border-box }
        body { margin:0; font:13px/1.45 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif; color:var(--ink);
          background:var(--paper) }
        header { display:flex; flex-wrap:wrap; gap:4px 18px; align-items:baseline; padding:12px 18px 8px }
        h1 { font-size:17px; margin:0; letter-spacing:-.01em }
        header .about { flex-basis:100%; color:var(--soft); max-width:110ch }
        .verdict { font-weight:600; padding:1px 9px; border-radius:10px; border:1px solid currentColor }
        .verdict.ok { color:var(--good) } .verdict.bad { color:var(--bad) }
        .meta { color:var(--soft) }
        .bar { display:flex; flex-wrap:wrap; gap:6px 14px; align-items:center; padding:0 18px 8px; color:var(--soft) }
        .bar label { display:inline-flex; gap:5px; align-items:center; cursor:pointer; user-select:none }
        .bar i { display:inline-block; width:18px; height:0; border-top:2px solid currentColor }
        .bar i.box { height:9px; border:0; border-radius:2px }
        .bar button { font:inherit; color:var(--ink); background:var(--panel); border:1px solid var(--line);
          border-radius:6px; padding:1px 9px; cursor:pointer }
        .bar button:hover { border-color:var(--soft) }
        .bar .gap { flex:1 }
        #stage { position:relative }
        canvas { display:block; width:100%; touch-action:none; outline:none }
        #view { cursor:crosshair } #map { cursor:ew-resize; border-top:1px solid var(--line) }
        #tip { position:absolute; pointer-events:none; display:none; max-width:460px; background:var(--panel);
          border:1px solid var(--line); border-radius:8px; box-shadow:var(--shadow); padding:6px 10px; z-index:3;
          white-space:pre-wrap; overflow-wrap:anywhere }
        #tip b { font-variant-numeric:tabular-nums }
        #under { display:grid; grid-template-columns:minmax(360px,5fr) minmax(420px,8fr); gap:14px; padding:12px 18px 20px }
        section { background:var(--panel); border:1px solid var(--line); border-radius:10px; overflow:hidden }
        section h2 { font-size:12px; margin:0; padding:7px 12px; border-bottom:1px solid var(--line); color:var(--soft);
          font-weight:600; display:flex; justify-content:space-between; font-variant-numeric:tabular-nums }
        table { border-collapse:collapse; width:100%; font-variant-numeric:tabular-nums }
        td,th { text-align:left; padding:3px 12px; white-space:nowrap; vertical-align:top }
        th { color:var(--soft); font-weight:500 }
        #rows { height:236px; overflow:auto } #rows td:last-child { white-space:normal; overflow-wrap:anywhere }
        #rows tr { cursor:pointer } #rows tr:hover { background:var(--lane) }
        #rows tr.now { background:color-mix(in srgb,var(--leader) 16%,transparent) }
        #rows tr.bad td { color:var(--bad); font-weight:600 }
        .dot { display:inline-block; width:9px; height:9px; border-radius:50%; margin-right:6px }
        footer { color:var(--soft); padding:0 18px 18px }
        kbd { font:11px ui-monospace,monospace; border:1px solid var(--line); border-radius:4px; padding:0 4px }
        @media (max-width:900px) { #under { grid-template-columns:1fr } }
        """#
}

import Simulation

/// One HTML file with everything in it: it opens without a network.
struct TimelinePage {
    private let data: String
    private let title: String
    private let about: String
    private let meta: String
    private let verdict: (text: String, isGood: Bool)

    init(
        _ run: RecordedRun, title: String, about: String, seed: UInt64, failure: Failure?,
        view: ClosedRange<Nanoseconds>?
    ) {
        data = TimelineData(run, failure: failure, view: view).json()
        self.title = title
        self.about = about
        let report = run.report
        meta =
            "seed \(seed) · \(run.scenario.devices) devices · \(TrueTime(report.simulated)) s · "
            + "\(report.events) events · \(report.roundsPublished) rounds published · trace \(report.trace)"
        verdict =
            failure.map { ("\($0.id): \($0.fact), \($0.clash)", false) } ?? ("all invariants held", true)
    }

    var text: String {
        """
        <!doctype html>
        <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
        <title>\(Self.escaped(title))</title>
        <style>\(TimelineStyle.text)</style></head>
        <body>
        <header><h1>\(Self.escaped(title))</h1>
        <span class="verdict \(verdict.isGood ? "ok" : "bad")">\(Self.escaped(verdict.text))</span>
        <span class="meta">\(Self.escaped(meta))</span>
        \(about.isEmpty ? "" : "<div class=\"about\">\(Self.escaped(about))</div>")</header>
        \(Self.controls)
        <script type="application/json" id="run">\(data)</script>
        <script>\(TimelineScript.drawing)\(TimelineScript.input)</script>
        </body></html>

        """
    }

    private static let controls = """
        <div class="bar">
        <label><input type="checkbox" name="round"><i style="color:#8e4ec6"></i>rounds</label>
        <label><input type="checkbox" name="raft"><i style="color:var(--leader)"></i>consensus</label>
        <label><input type="checkbox" name="lease"><i style="color:#0f9d8a"></i>lease renewals</label>
        <label><input type="checkbox" name="heart"><i style="color:var(--follow)"></i>heartbeats</label>
        <label><input type="checkbox" name="other"><i style="color:var(--soft)"></i>others</label>
        <label><input type="checkbox" name="lost"><i style="color:var(--bad);border-top-style:dashed"></i>lost</label>
        <span><i class="box" style="background:var(--gate)"></i> writers paused</span>
        <span><i class="box" style="background:var(--leader)"></i> quorum leader</span>
        <span><i class="box" style="background:var(--sleep)"></i> asleep</span>
        <span><i class="box" style="background:var(--faultink)"></i> fault</span>
        <span class="gap"></span>
        <button id="jump">to the violation</button><button id="in">closer</button><button id="out">further</button>
        <button id="all">all</button></div>
        <div id="stage"><canvas id="view" tabindex="0"></canvas><canvas id="map"></canvas><div id="tip"></div></div>
        <div id="under"><section><h2><span>devices at</span><span id="when"></span></h2><table id="state"></table></section>
        <section><h2><span>what happened</span><span>click a row to go there</span></h2>
        <div id="rows"><table id="table"></table></div></section></div>
        <footer><kbd>wheel</kbd> zooms, <kbd>drag</kbd> moves, <kbd>click</kbd> holds the cursor, <kbd>←</kbd>
        <kbd>→</kbd> step from event to event, <kbd>+</kbd> <kbd>-</kbd> zoom, <kbd>a</kbd> shows all.</footer>
        """

    private static func escaped(_ text: String) -> String {
        var escaped = ""
        for character in text {
            switch character {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            default: escaped.append(character)
            }
        }
        return escaped
    }
}

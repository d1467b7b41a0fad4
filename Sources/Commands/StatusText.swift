import AgentRuntime

/// A status report as people read it (ux.md): the first line says how it is, the second who leads; then the devices,
/// and what needs the user.
struct StatusText {
    let report: StatusReport
    let style: Style
    /// `-v`: quorum leader, term, addresses, versions.
    var isDetailed = false

    var text: String {
        var lines = headline + leaderLine + [""] + StatusDevices(report: report).table.lines(style)
        let needs = StatusNeeds(report: report).lines(style)
        if !needs.isEmpty { lines += [""] + needs }
        lines += leftOut
        if isDetailed { lines += [""] + StatusDetails(report: report).lines(style) }
        return lines.joined(separator: "\n")
    }

    /// Not a fault: one line that says how much is out of step by the user's own wish, all of it with `-v`.
    private var leftOut: [String] {
        guard let left = report.left_out else { return [] }
        let shown = isDetailed ? left.paths : Array(left.paths.prefix(2))
        let rest = left.count - shown.count
        if isDetailed {
            var lines = ["", "\(Words.count(left.count, "path")) left out here by filters:"]
            lines += shown.map { "  " + Escaping.shown("\($0.path)  (\($0.rule))") }
            return rest > 0 ? lines + ["  and \(rest) more"] : lines
        }
        let names = shown.map { "\($0.path) (\($0.rule))" }.joined(separator: ", ")
        let more = rest > 0 ? " and \(rest) more: baton status -v" : ""
        return ["", style.paint("left out here: " + Escaping.shown(names) + more, .dim)]
    }

    /// One of the closed list: healthy, attention, syncing, degraded, no leader, no quorum, stuck, stopped.
    var headline: [String] {
        let health = Health(report.health)
        let symbol = style.symbol(health.symbol, ascii: health.ascii)
        var pieces = [Flow.Piece(report.mesh.name, .bold)]
        pieces.append(Flow.Piece("\(symbol) \(health.word)", health.paint, before: "  "))
        switch report.health {
        case "healthy", "attention", "degraded": break
        case "syncing": pieces += syncing
        case "no_quorum": pieces.append(Flow.Piece(noQuorum))
        default: if let why = report.reasons.first { pieces.append(Flow.Piece(why.text)) }
        }
        pieces.append(Flow.Piece("\(report.mesh.online) of \(Words.count(report.mesh.members, "device")) online"))
        pieces.append(Flow.Piece(lastSync))
        return Flow.lines(pieces, style)
    }

    private var lastSync: String {
        guard let age = report.sync.age_s else {
            return report.sync.round == 0 ? "never synced" : "last sync not seen (round \(report.sync.round))"
        }
        return "last sync \(Words.ago(age))" + (report.sync.round == 0 ? "" : " (round \(report.sync.round))")
    }

    private var syncing: [Flow.Piece] {
        let steps = ["prepare", "collect", "merge", "stage", "publish", "apply"]
        var words = "step \(report.sync.phase)"
        if let step = steps.firstIndex(of: report.sync.phase) {
            words = "step \(step + 1) of \(steps.count) (\(report.sync.phase))"
        } else if report.sync.phase == "paused" {
            words = "taking part"
        }
        guard let paused = report.sync.paused_s else { return [Flow.Piece(words)] }
        return [Flow.Piece(words), Flow.Piece("writers paused \(Words.span(paused))", before: ", ")]
    }

    private var noQuorum: String {
        let away = report.devices.filter { $0.state != "online" && $0.role != "learner" }.map(\.name)
        return "work is saved here and syncs when " + (away.isEmpty ? "others are" : Words.list(away, "or") + " is")
            + " back"
    }

    /// `status sync` has this where the whole state names the leader.
    var headLine: [String] {
        var pieces = [Flow.Piece("head \(report.head?.prefix(10) ?? "none yet")")]
        if report.sync.round > 0 { pieces.append(Flow.Piece("round \(report.sync.round)", before: ", ")) }
        if report.view == "local" { pieces.append(Flow.Piece("(as this device alone knows it)", .yellow, before: " ")) }
        if let next { pieces.append(Flow.Piece(next, before: "      ")) }
        return Flow.lines(pieces, style)
    }

    private var leaderLine: [String] {
        var pieces: [Flow.Piece] = []
        if let leader = report.leader {
            let name = report.devices.first { $0.id == leader.device }?.name ?? String(leader.device.prefix(8))
            pieces.append(Flow.Piece("leader \(name)" + (leader.device == report.`self` ? " (this device)" : "")))
            pieces.append(Flow.Piece("token \(leader.token)", before: ", "))
            if let left = leader.lease_remaining_s {
                let words = left > 0 ? "lease \(Words.span(left)) left" : "lease run out"
                pieces.append(Flow.Piece(words, before: ", "))
            }
        } else {
            pieces.append(Flow.Piece("no sync leader"))
        }
        if report.view == "local" { pieces.append(Flow.Piece("(as this device alone knows it)", .yellow, before: " ")) }
        if let next { pieces.append(Flow.Piece(next, before: "      ")) }
        return Flow.lines(pieces, style)
    }

    private var next: String? {
        guard report.health != "syncing" else { return nil }
        if let left = report.sync.next_in_s {
            return left < 1 ? "next sync now" : "next sync in about \(Words.coarse(left))"
        }
        return report.sync.next_reason == "nothingChanged" ? "nothing to sync" : nil
    }
}

/// A word of `health`, and how it looks. A word of a newer agent is shown as it is.
struct Health: Hashable, Sendable {
    var word: String
    var symbol: String
    var ascii: String
    var paint: Style.Paint

    private static let known: [String: Health] = [
        "healthy": Health("healthy", "●", "*", .green),
        "attention": Health("attention", "▲", "!", .yellow),
        "syncing": Health("syncing", "↻", "~", .cyan),
        "degraded": Health("degraded", "◐", "-", .yellow),
        "no_leader": Health("no leader", "○", "o", .yellow),
        "no_quorum": Health("no quorum", "○", "o", .red),
        "stuck": Health("stuck", "✗", "x", .red),
        "stopped": Health("stopped", "■", "#", .red),
    ]

    private init(_ word: String, _ symbol: String, _ ascii: String, _ paint: Style.Paint) {
        self.word = word
        self.symbol = symbol
        self.ascii = ascii
        self.paint = paint
    }

    init(_ code: String) { self = Self.known[code] ?? Health(code, "?", "?", .yellow) }

    /// The exit code of `status --check` (product.md).
    static func exitCode(_ report: StatusReport) -> Int32 {
        switch report.health {
        case "no_leader", "no_quorum": return Exit.noQuorum
        case "stopped": return Exit.stopped
        default: break
        }
        if report.conflicts.open > 0 { return Exit.conflicts }
        return ["healthy", "syncing"].contains(report.health) ? Exit.done : Exit.failed
    }
}

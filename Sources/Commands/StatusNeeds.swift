import AgentRuntime

/// What needs the user, a line each, with the command to type; and with `-v` what only a maintainer asks for.
struct StatusNeeds {
    let report: StatusReport
    private static let pathsShown = 3

    func lines(_ style: Style) -> [String] {
        var needs =
            firstFix
            + report.reasons.enumerated().filter { !isInHeadline($0.offset, $0.element) }.map(\.element).map(need)
        if !report.held.isEmpty {
            needs.append((held, report.held.contains(where: \.can_be_allowed) ? "baton allow PATH" : nil))
        }
        return needs.flatMap { text, fix in
            var pieces = [Flow.Piece("! " + text)]
            if let fix { pieces.append(Flow.Piece(fix, .bold, before: "      ")) }
            var lines = Flow.lines(pieces, style)
            lines[0] = style.paint("!", .yellow) + lines[0].dropFirst()
            return lines
        }
    }

    /// What the first line says has no room there for the command.
    private var firstFix: [(String, String?)] {
        guard let first = report.reasons.first, isInHeadline(0, first), let fix = first.fix else { return [] }
        let text =
            switch first.code {
            case "stopped": "no automatic rounds until they are let go on"
            case "no_quorum": "what keeps the others away"
            default: "what is in the way"
            }
        return [(text, fix)]
    }

    /// The first line says the first reason already where it has no other words.
    private func isInHeadline(_ offset: Int, _ reason: StatusReport.Reason) -> Bool {
        offset == 0 && ["no_leader", "no_quorum", "stuck", "stopped"].contains(report.health)
    }

    private func need(_ reason: StatusReport.Reason) -> (String, String?) {
        guard reason.code == "conflicts" else { return (reason.text, reason.fix) }
        let open = report.conflicts.open
        let text = "\(Words.count(open, "conflict")) \(open == 1 ? "waits" : "wait") for you"
        let paths = report.conflicts.paths
        return ((paths.isEmpty ? text : "\(text): \(some(paths))") + " (both versions kept)", reason.fix)
    }

    private var held: String {
        "\(Words.count(report.held.count, "file")) held back: " + some(report.held.map { "\($0.path) (\($0.reason))" })
    }

    private func some(_ names: [String]) -> String {
        let shown = names.prefix(Self.pathsShown).joined(separator: ", ")
        return names.count > Self.pathsShown ? "\(shown) and \(names.count - Self.pathsShown) more" : shown
    }
}

/// `status -v`: consensus, this agent, and every device's version and address.
struct StatusDetails {
    let report: StatusReport

    func lines(_ style: Style) -> [String] {
        var lines = facts.map { name, value in
            name + String(repeating: " ", count: 16 - name.count) + Escaping.shown(value)
        }
        var table = Table(
            columns: [
                Table.Column("DEVICE", least: 6), Table.Column("ID", least: 8), Table.Column("VERSION", dropOrder: 0),
                Table.Column("APPLIED", dropOrder: 1), Table.Column("RTT"), Table.Column("CLOCK", dropOrder: 2),
                Table.Column("LINK", least: 8),
            ], margin: 2)
        for device in report.devices {
            table.add(
                [
                    Table.Cell(device.name), Table.Cell(device.id.prefix(16)), Table.Cell(device.version ?? "-"),
                    Table.Cell(device.sync.applied?.prefix(10) ?? "-"), Table.Cell(roundTrip(device)),
                    Table.Cell(clock(device)), Table.Cell(device.via ?? "-"),
                ], mark: device.id == report.`self` ? "*" : "")
        }
        lines += [""] + table.lines(style)
        return lines
    }

    private func roundTrip(_ device: StatusReport.Device) -> String {
        guard let seconds = device.rtt_s else { return "-" }
        if seconds >= 0.0995 { return Words.span(seconds) }
        let tenths = Int((max(0, seconds) * 10_000).rounded())
        return tenths >= 100 ? "\(tenths / 10) ms" : "\(tenths / 10).\(tenths % 10) ms"
    }

    /// How far the other's clock is from ours: less than its round trip cannot be told.
    private func clock(_ device: StatusReport.Device) -> String {
        guard let offset = device.clock_offset_s else { return "-" }
        if abs(offset) < max(0.1, device.rtt_s ?? 0) { return "same" }
        return (offset < 0 ? "-" : "+") + Words.span(abs(offset))
    }

    private var facts: [(String, String)] {
        let agent = report.agent
        var facts = [
            ("mesh", "\(report.mesh.id.prefix(16)), epoch \(report.mesh.epoch), profile \(report.mesh.profile)"),
            ("quorum", Words.count(report.mesh.quorum, "voter")), ("head", report.head ?? "none yet"),
            ("workspace", "\(report.workspace.root), branch \(report.workspace.branch)"),
            (
                "agent",
                "\(agent.version), process \(agent.pid), up \(Words.coarse(agent.uptime_s)), listens on \(agent.listen)"
            ),
            ("refused", "\(agent.refused_connections) connections, \(agent.refused_tokens) stale tokens"),
        ]
        if let quorum = report.quorum_leader {
            let name = report.devices.first { $0.id == quorum.device }?.name ?? String(quorum.device.prefix(8))
            let words = "\(name), term \(quorum.term), index \(quorum.commit_index) of \(quorum.last_index)"
            facts.insert(("quorum leader", words), at: 1)
        }
        if let hub = report.hub { facts.append(("hub", "\(hub.url) \(hub.branch), \(HubText.state(hub))")) }
        if let token = report.hub?.token { facts.append(("hub's fence", "token \(token)")) }
        let names = report.devices.first { $0.id == report.`self` }?.writers.names ?? []
        if !names.isEmpty { facts.append(("writers here", names.joined(separator: ", "))) }
        return facts
    }
}

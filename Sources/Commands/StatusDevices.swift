import AgentRuntime

/// The devices of a status report as a table.
struct StatusDevices {
    let report: StatusReport

    var table: Table {
        var table = Table(
            columns: [
                Table.Column("DEVICE", readable: 20, least: 6), Table.Column("ROLE", dropOrder: 3),
                Table.Column("STATE"),
                Table.Column("SYNC", readable: 24, least: 6), Table.Column("WRITERS", dropOrder: 2),
                Table.Column("SEEN", dropOrder: 1),
                Table.Column("VIA", dropOrder: 0),
            ], margin: 2)
        for device in report.devices { table.add(cells(device), mark: device.id == report.`self` ? "*" : "") }
        return table
    }

    private func cells(_ device: StatusReport.Device) -> [Table.Cell] {
        let isOnline = device.state == "online"
        return [
            Table.Cell(device.name), Table.Cell(device.role, device.role == "leader" ? .bold : nil),
            Table.Cell(device.state, isOnline ? .green : .dim), Self.sync(device), Table.Cell(writers(device)),
            Table.Cell(seen(device)), Table.Cell(Self.via(device.via)),
        ]
    }

    static func sync(_ device: StatusReport.Device) -> Table.Cell {
        switch device.sync.state {
        case "up_to_date": Table.Cell("up to date")
        case "pending": Table.Cell("\(Words.count(device.sync.files_pending, "file")) to send", .cyan)
        case "waiting": Table.Cell("waits: " + (device.sync.waiting ?? "for the user"), .yellow)
        case "behind":
            Table.Cell(
                device.sync.rounds_behind.map { $0 == 0 ? "behind" : Words.count($0, "round") + " behind" } ?? "behind",
                .yellow)
        case "unknown": Table.Cell("not known", .dim)
        default: Table.Cell(device.sync.state)
        }
    }

    private func writers(_ device: StatusReport.Device) -> String {
        guard device.state == "online", device.sync.state != "unknown" else { return "-" }
        let (active, paused) = (device.writers.active, device.writers.paused)
        let ungated = device.writers.ungated ?? 0
        let outside = ungated == 0 ? "" : ", \(ungated) outside"
        if active == 0 { return "0" + outside }
        return (paused == 0 ? "\(active) active" : "\(paused) of \(active) paused") + outside
    }

    private func seen(_ device: StatusReport.Device) -> String {
        guard let seconds = device.last_seen_s else { return "-" }
        return seconds < 1 ? "now" : Words.coarse(seconds)
    }

    /// What kind of way a peer's address is: `local`, `lan`, `vpn` or `wan`.
    static func via(_ address: String?) -> String {
        guard var host = address?[...], !host.isEmpty, host != "unknown" else { return "-" }
        if host.hasPrefix("["), let end = host.firstIndex(of: "]") {
            host = host[..<end].dropFirst()
        } else if let colon = host.lastIndex(of: ":"), host.firstIndex(of: ":") == colon {
            host = host[..<colon]
        }
        let lower = host.lowercased()
        if lower.hasPrefix("127.") || lower == "::1" || lower == "localhost" { return "local" }
        if ["fe8", "fe9", "fea", "feb", "fc", "fd"].contains(where: { lower.contains(":") && lower.hasPrefix($0) }) {
            return "lan"
        }
        let numbers = lower.split(separator: ".").compactMap { UInt8($0) }
        guard numbers.count == 4 else { return lower.contains(":") ? "wan" : lower }
        switch (numbers[0], numbers[1]) {
        case (10, _), (192, 168), (169, 254), (172, 16...31): return "lan"
        case (100, 64...127): return "vpn"
        default: return "wan"
        }
    }
}

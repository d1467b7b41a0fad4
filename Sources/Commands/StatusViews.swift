// The fields have the names that they have in JSON.
// swift-format-ignore-file: AlwaysUseLowerCamelCase

import AgentRuntime

/// `status sync --json`, schema `baton.status.sync/1`: a part of `baton.status/1`.
struct SyncView: Encodable {
    var schema = "baton.status.sync/1"
    var generated_at: String
    var health: String
    var sync: StatusReport.Sync
    @OrNull var head: String?
    var devices: [Row]
    var conflicts: StatusReport.Conflicts
    var held: [StatusReport.Held]

    struct Row: Encodable {
        var id: String
        var name: String
        var state: String
        var sync: StatusReport.DeviceSync
    }

    init(_ report: StatusReport) {
        generated_at = report.generated_at
        health = report.health
        sync = report.sync
        head = report.head
        devices = report.devices.map { Row(id: $0.id, name: $0.name, state: $0.state, sync: $0.sync) }
        conflicts = report.conflicts
        held = report.held
    }
}

/// `status writers --json`, schema `baton.status.writers/1`.
struct WritersView: Encodable {
    var schema = "baton.status.writers/1"
    var generated_at: String
    var paused_s: Double?
    var devices: [Row]

    struct Row: Encodable {
        var id: String
        var name: String
        var state: String
        var writers: StatusReport.Writers
    }

    init(_ report: StatusReport) {
        generated_at = report.generated_at
        paused_s = report.sync.paused_s
        devices = report.devices.map { Row(id: $0.id, name: $0.name, state: $0.state, writers: $0.writers) }
    }
}

/// `status sync`: how far each device's tree is.
struct StatusSyncText {
    let report: StatusReport
    let style: Style

    var text: String {
        let whole = StatusText(report: report, style: style)
        var lines = whole.headline + whole.headLine + [""] + table.lines(style)
        let needs = StatusNeeds(report: report).lines(style)
        if !needs.isEmpty { lines += [""] + needs }
        return lines.joined(separator: "\n")
    }

    private var table: Table {
        var table = Table(
            columns: [
                Table.Column("DEVICE", readable: 20, least: 6), Table.Column("STATE", dropOrder: 1),
                Table.Column("SYNC", readable: 24, least: 6), Table.Column("APPLIED", dropOrder: 0),
                Table.Column("BEHIND"),
            ], margin: 2)
        for device in report.devices {
            let behind = device.sync.rounds_behind.map { $0 == 0 ? "-" : Words.count($0, "round") } ?? "?"
            table.add(
                [
                    Table.Cell(device.name), Table.Cell(device.state, device.state == "online" ? .green : .dim),
                    StatusDevices.sync(device), Table.Cell(device.sync.applied?.prefix(10) ?? "-"),
                    Table.Cell(device.sync.state == "unknown" ? "?" : behind),
                ], mark: device.id == report.`self` ? "*" : "")
        }
        return table
    }
}

/// `status writers`: who writes where, and who holds still.
struct StatusWritersText {
    let report: StatusReport
    let style: Style

    var text: String {
        let online = report.devices.filter { $0.state == "online" }
        let active = online.map { Int($0.writers.active) }.reduce(0, +)
        let paused = online.map { Int($0.writers.paused) }.reduce(0, +)
        var pieces = [
            Flow.Piece(report.mesh.name, .bold),
            Flow.Piece("\(Words.count(active, "writer")) on \(Words.count(online.count, "device"))", before: "  "),
        ]
        pieces.append(Flow.Piece(paused == 0 ? "none paused" : "\(paused) paused"))
        if let held = report.sync.paused_s { pieces.append(Flow.Piece("gate closed for \(Words.span(held))", .cyan)) }
        let outside = outside(style)
        let lines = Flow.lines(pieces, style) + [""] + table.lines(style) + (outside.isEmpty ? [] : [""] + outside)
        return lines.joined(separator: "\n")
    }

    /// Programs that wrote although the gate was closed, a line each.
    private func outside(_ style: Style) -> [String] {
        let own = report.devices.first { $0.id == report.`self` }
        return (own?.writers.outside ?? []).flatMap { one -> [String] in
            let times = "wrote in \(Words.count(one.pauses, "pause")), last \(Words.ago(one.last_s))"
            let known = "outside of the gate: \(one.name) \(times)"
            guard one.name != StatusReport.unknownWriter else {
                return Flow.lines([Flow.Piece("! outside of the gate: nobody knows which program \(times)")], style)
            }
            return Flow.lines(
                [Flow.Piece("! " + known), Flow.Piece("baton run -- \(one.name)", .bold, before: "      ")], style)
        }
    }

    private var table: Table {
        var table = Table(
            columns: [
                Table.Column("DEVICE", readable: 20, least: 6), Table.Column("WRITERS"), Table.Column("PAUSED"),
                Table.Column("NAMES", readable: 16, least: 6),
            ], margin: 2)
        for device in report.devices {
            let isKnown = device.state == "online" && device.sync.state != "unknown"
            let names = device.writers.names.joined(separator: ", ")
            table.add(
                [
                    Table.Cell(device.name), Table.Cell(isKnown ? "\(device.writers.active)" : "-"),
                    Table.Cell(isKnown ? "\(device.writers.paused)" : "-"),
                    Table.Cell(names.isEmpty ? (isKnown && device.writers.active > 0 ? "known there" : "-") : names),
                ], mark: device.id == report.`self` ? "*" : "")
        }
        return table
    }
}

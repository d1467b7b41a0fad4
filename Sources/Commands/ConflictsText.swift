import AgentRuntime

/// The table of `baton conflicts` (ux.md).
struct ConflictsText {
    let report: ConflictsReport

    func text(_ style: Style, _ global: GlobalOptions) -> String {
        guard report.open > 0 else { return "no conflict is open" }
        let names = devices
        var columns = [
            Table.Column("#"), Table.Column("FILE", readable: 24, least: 8), Table.Column("KIND", dropOrder: 1),
        ]
        columns += names.map { Table.Column($0.uppercased(), dropOrder: 2) }
        columns += [Table.Column("HERE NOW", dropOrder: 0), Table.Column("AGE", dropOrder: 3)]
        var table = Table(columns: columns)
        for conflict in report.conflicts {
            let versions = names.map { name in
                conflict.versions.first { $0.name == name }.map { Self.words($0) } ?? ""
            }
            table.add(
                [Table.Cell("\(conflict.number)"), Table.Cell(conflict.path ?? "(not on this device yet)")]
                    + [Table.Cell(Self.kind(conflict.kind))] + versions.map { Table.Cell($0) }
                    + [Table.Cell(Self.standing(conflict))]
                    + [Table.Cell(conflict.age_s.map { Words.coarse($0) } ?? "-")])
        }
        var lines = table.lines(style)
        if report.unlisted > 0 {
            lines.append("and \(report.unlisted) more without room in this list: their versions are in the history")
        }
        let number = report.conflicts.first?.number ?? 1
        let takes = (names.isEmpty ? ["DEVICE"] : names).map { Escaping.shown($0) } + ["both", "FILE"]
        let (base, dot) = (global.typed("conflicts"), style.symbol(" · ", ascii: "   "))
        lines.append(
            "   \(base) show \(number)\(dot)resolve \(number) --take \(takes.joined(separator: "|"))\(dot)edit \(number)"
        )
        return lines.joined(separator: "\n")
    }

    /// Every device that has a version, in the order in which they come.
    private var devices: [String] {
        var names: [String] = []
        for version in report.conflicts.flatMap(\.versions) where !names.contains(version.name) {
            names.append(version.name)
        }
        return names
    }

    static func words(_ version: ConflictsReport.Version) -> String {
        guard let bytes = version.bytes else { return "no file" }
        guard let added = version.added, let removed = version.removed else { return Words.bytes(bytes) }
        return "+\(added) -\(removed)"
    }

    static func kind(_ kind: String?) -> String {
        switch kind {
        case "content": "both edited"
        case "added": "both added"
        case "type": "file and link"
        case "file-and-folder": "file and folder"
        case let other: other ?? "-"
        }
    }

    static func standing(_ conflict: ConflictsReport.Conflict) -> String {
        switch conflict.standing {
        case "first": conflict.versions.first?.name ?? "-"
        case "second": conflict.versions.last?.name ?? "-"
        case "edited": "edited since"
        case "gone": "no file"
        case "folder": "a folder"
        case let other: other ?? "-"
        }
    }
}

/// One conflict: both versions, and how they differ.
struct ConflictText {
    let report: ConflictReport

    func text(_ style: Style, _ global: GlobalOptions) -> String {
        let conflict = report.conflict
        let path = Escaping.shown(conflict.path ?? "")
        var lines = [
            "conflict \(conflict.number) (\(conflict.id)): \(path), \(ConflictsText.kind(conflict.kind)), "
                + "since round \(conflict.round)"
        ]
        var table = Table(
            columns: [
                Table.Column("DEVICE"), Table.Column("CAPTURED"), Table.Column("SIZE"), Table.Column("CHANGES"),
                Table.Column("HERE NOW"),
            ], margin: 2)
        for (version, word) in zip(conflict.versions, ["first", "second"]) {
            table.add([
                Table.Cell(version.name), Table.Cell(version.age_s.map { Words.ago($0) } ?? "-"),
                Table.Cell(version.bytes.map { Words.bytes($0) } ?? "no file"),
                Table.Cell(version.added == nil ? "-" : ConflictsText.words(version)),
                Table.Cell(conflict.standing == word ? "stands in the file" : ""),
            ])
        }
        lines += table.lines(style)
        if !["first", "second"].contains(conflict.standing) {
            lines.append("  here now: \(ConflictsText.standing(conflict))")
        }
        lines += difference(style)
        let names = conflict.versions.map { Escaping.shown($0.name) } + ["both", "FILE"]
        lines.append(
            "   \(global.typed("conflicts")) resolve \(conflict.number) --take \(names.joined(separator: "|"))"
                + "\(style.symbol(" · ", ascii: "   "))edit \(conflict.number)")
        return lines.joined(separator: "\n")
    }

    private func difference(_ style: Style) -> [String] {
        let versions = report.conflict.versions
        guard let text = report.difference, versions.count == 2 else {
            let isWhole = versions.allSatisfy { $0.bytes != nil }
            return isWhole ? ["  (no text; a whole version: conflicts show --version DEVICE)"] : []
        }
        var lines = ["--- \(Escaping.shown(versions[0].name))", "+++ \(Escaping.shown(versions[1].name))"]
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            let shown = line.split(separator: "\t", omittingEmptySubsequences: false).map { Escaping.shown($0) }
            let paint: Style.Paint? = line.hasPrefix("+") ? .green : line.hasPrefix("-") ? .red : nil
            lines.append(style.paint(shown.joined(separator: "\t"), paint))
        }
        if lines.last?.isEmpty == true { lines.removeLast() }
        if report.is_cut { lines.append("... (cut; whole: conflicts show --version DEVICE)") }
        return lines
    }
}

/// What settling a conflict came to.
struct ResolveText {
    let report: ResolveReport

    var text: String {
        let path = Escaping.shown(report.path)
        var what: String
        switch report.choice {
        case "both": what = report.copy.map { "the other version is \(Escaping.shown($0))" } ?? "both versions are kept"
        case "device":
            what = "the version of \(Escaping.shown(report.name ?? "?")) "
            what += report.was_written ? "is in place" : "stands"
        default: what = report.was_written ? "your version is in place" : "what is in the file stands"
        }
        if report.was_edited, report.was_written {
            what += "; what stood there had been edited since, and is kept for 30 days"
        } else if report.was_edited, report.choice == "both" {
            what += "; \(path) had been edited since, and stays so"
        }
        if report.was_closed_elsewhere { what += " (somebody closed the conflict elsewhere at the same moment)" }
        var text = "conflict \(report.number) resolved: \(path): \(what)"
        if !report.also_open.isEmpty {
            text += "\nstill open for this file: " + report.also_open.map(String.init).joined(separator: ", ")
        }
        return text
    }
}

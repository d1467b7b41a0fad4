import Simulation

/// Value -> text, in the one canonical form.
package enum ScenarioFormat {
    package static func text(_ file: ScenarioFile) -> String {
        var lines: [String] = []
        for (anchor, text) in statements(file) {
            let note = file.notes.first { $0.anchor == anchor }
            let indent = anchor.isLine ? "  " : ""
            for comment in note?.above ?? [] { lines.append(indent + Self.comment(comment)) }
            lines.append(indent + text + (note?.after.map { "  " + Self.comment($0) } ?? ""))
        }
        for note in file.notes where note.anchor == .end { lines += note.above.map(Self.comment) }
        return lines.joined(separator: "\n") + "\n"
    }

    /// What the mesh is like, without what is done to it: the lines that differ from a mesh in peace.
    package static func conditions(_ file: ScenarioFile) -> [String] {
        statements(file).compactMap { anchor, text in
            switch anchor {
            case .learner, .late, .config, .workload, .network, .clocks, .disk, .work, .hub, .plant, .heal: text
            case .scenario, .about, .cluster, .chaos, .line, .expect, .seeds, .end: nil
            }
        }
    }

    private static func comment(_ text: String) -> String { text.isEmpty ? "#" : "# " + text }

    private static func line(_ keyword: String, _ rest: String) -> String {
        keyword + String(repeating: " ", count: max(1, 10 - keyword.count)) + rest
    }

    private static func statements(_ file: ScenarioFile) -> [(Anchor, String)] {
        var all: [(Anchor, String)] = [(.scenario, line("scenario", file.name))]
        for (at, text) in file.about.enumerated() { all.append((.about(at), line("about", text))) }
        all.append((.cluster, line("cluster", file.devices.dropLast(file.learners).joined(separator: " "))))
        if file.learners > 0 {
            all.append((.learner, line("learner", file.devices.suffix(file.learners).joined(separator: " "))))
        }
        if !file.late.isEmpty {
            let names = file.late.filter(file.devices.indices.contains).map { file.devices[$0] }
            all.append((.late, line("late", names.joined(separator: " "))))
        }
        if file.config.text != nil || file.notes.contains(where: { $0.anchor == .config }) {
            all.append((.config, file.config.text.map { line("config", $0) } ?? "config"))
        }
        func block<Root>(_ anchor: Anchor, _ keyword: String, _ root: Root, _ fields: [Field<Root>]) {
            let text = Block.text(root, fields)
            // A comment keeps its line.
            guard text != nil || file.notes.contains(where: { $0.anchor == anchor }) else { return }
            all.append((anchor, text.map { line(keyword, $0) } ?? keyword))
        }
        block(.workload, "workload", file.workload, Field.all)
        block(.network, "net", file.network, Field.all)
        block(.clocks, "clocks", file.clocks, Field.all)
        block(.disk, "disk", file.disk, Field.all)
        block(.work, "work", file.work, Field.all)
        if let hub = file.hub { all.append((.hub, Block.text(hub, Field.all).map { line("hub", $0) } ?? "hub")) }
        if let plant = file.plant { all.append((.plant, line("plant", plant))) }
        all.append((.chaos, line("chaos", Quantity.text(duration: file.chaos) + (file.drawsFaults ? " drawn" : ""))))
        all += chaos(file)
        block(.heal, "heal", file.heal, Field.all)
        for (at, one) in file.expectations.enumerated() {
            all.append((.expect(at), line("expect", ExpectationText.text(one))))
        }
        let seeds = file.seeds
        let range = seeds.count == 1 ? "\(seeds.lowerBound)" : "\(seeds.lowerBound)..\(seeds.upperBound)"
        all.append((.seeds, line("seeds", range)))
        return all
    }

    /// Actions stand below each other.
    private static func chaos(_ file: ScenarioFile) -> [(Anchor, String)] {
        let moments = file.lines.map { text($0.moment) }
        let width = min(moments.map(\.count).max() ?? 0, 44)
        return file.lines.enumerated().map { at, one in
            var subject: String?
            if case .when(let condition) = one.moment { subject = condition.subject }
            let space = String(repeating: " ", count: max(2, width - moments[at].count + 2))
            let parser = SlotParser(devices: file.devices, subject: subject)
            return (.line(at), moments[at] + space + parser.text(one.action))
        }
    }

    private static func text(_ moment: Moment) -> String {
        switch moment {
        case .at(let span): "at " + SlotParser.text(span)
        case .every(let span): "every " + SlotParser.text(span)
        case .when(let condition): ConditionText.text(condition)
        }
    }
}

extension Anchor {
    fileprivate var isLine: Bool {
        if case .line = self { true } else { false }
    }
}

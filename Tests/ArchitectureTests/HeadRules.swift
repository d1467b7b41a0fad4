extension Rule {
    static let heads: [Rule] = [head]

    static let head = Rule(
        name: "the head of a module",
        why: "a newcomer reads one paragraph: what the module is, what it never does, and where to start"
    ) { tree in
        ModuleMap.entries.compactMap { module in
            let folder = "Sources/\(module.name)/"
            let files = tree.texts.filter { $0.path.hasPrefix(folder) }
            guard !files.isEmpty else { return nil }
            let heads = files.map(\.headParagraph).filter { head in
                ["// \(module.name):", "// Module: \(module.name) "].contains { head.hasPrefix($0) }
            }
            guard let head = heads.first else {
                return Violation(path: folder, line: 0, what: "no file begins with `// \(module.name): ...`")
            }
            let lacks = ["Never:", "Start with"].filter { !head.contains($0) }
            guard lacks.isEmpty else {
                return Violation(
                    path: folder, line: 0, what: "its head lacks \(lacks.map { "`\($0)`" }.joined(separator: ", "))")
            }
            let names = files.compactMap { $0.path.split(separator: "/").last.map(String.init) }
            guard let missing = head.fileNames.first(where: { !names.contains($0) }) else { return nil }
            return Violation(path: folder, line: 0, what: "its head sends the reader to \(missing), which is not there")
        }
    }
}

extension TextFile {
    /// The first comment lines, before anything is declared, joined.
    var headParagraph: String {
        lines.drop { line in
            line.allSatisfy(\.isWhitespace)
                || ["import ", "#", "    import ", "@_", "// swift"].contains { line.hasPrefix($0) }
        }
        .prefix { $0.hasPrefix("//") && !$0.hasPrefix("///") }.joined(separator: "\n")
    }
}

extension String {
    fileprivate var fileNames: [String] {
        split { !($0.isWordPart || $0 == "." || $0 == "+" || $0 == "-") }
            .map { $0.last == "." ? $0.dropLast() : $0 }
            .filter { $0.hasSuffix(".swift") }.map(String.init)
    }
}

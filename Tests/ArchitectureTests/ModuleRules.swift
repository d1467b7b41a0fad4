extension Rule {
    static let modules: [Rule] = [imports, arrows, manifest, everyModuleListed]

    static let imports = Rule(
        name: "imports",
        why: "what a module cannot import it cannot know; the map in ModuleMap.swift is the design"
    ) { tree in
        tree.sources.flatMap { file -> [Violation] in
            guard let module = ModuleMap.entry(file.target) else { return [] }
            let allowed = module.dependencies + module.platform.map(\.name)
            return file.imports.filter { !allowed.contains($0.name) }.map {
                let why = ModuleMap.whyNot($0.name, in: module)
                return Violation(
                    path: file.path, line: $0.line, what: "\(module.name) must not import \($0.name): \(why)")
            }
        }
    }

    static let arrows = Rule(
        name: "arrows",
        why: "a module that depends only on what stands above it can be read, built and tested without the rest"
    ) { _ in
        let names = ModuleMap.entries.map(\.name)
        return ModuleMap.entries.enumerated().flatMap { at, module in
            module.dependencies.filter { dependency in
                guard let place = names.firstIndex(of: dependency) else { return false }
                return place >= at || (module.isPure && !ModuleMap.isPure(dependency))
            }.map {
                Violation(
                    path: "Tests/ArchitectureTests/ModuleMap.swift", line: 0,
                    what: "\(module.name) points down to \($0)")
            }
        }
    }

    static let manifest = Rule(
        name: "manifest",
        why: "two lists of the same arrows are worth something only while they agree"
    ) { tree in
        guard let text = tree.text("Package.swift") else { return [] }
        let declared = Manifest(text.lines.joined(separator: "\n"))
        return ModuleMap.entries.flatMap { module -> [Violation] in
            guard let line = declared.line(of: module.name) else {
                return [Violation(path: "Package.swift", line: 0, what: "no target \(module.name)")]
            }
            let names = declared.dependencies(of: module.name)
            let missing = module.dependencies.filter { !names.contains($0) }
            // What begins in lower case is a folder or file that the target leaves out.
            let surplus = names.filter { !module.dependencies.contains($0) && $0.first?.isLowercase == false }
            return missing.map { Violation(path: "Package.swift", line: line, what: "\(module.name) lacks \($0)") }
                + surplus.map {
                    Violation(path: "Package.swift", line: line, what: "\(module.name) has \($0), the map has not")
                }
        }
    }

    static let everyModuleListed = Rule(
        name: "every module is on the map", why: "a module that is not on the map obeys no rule"
    ) { tree in
        let folders = tree.texts.filter { $0.path.hasPrefix("Sources/") }.compactMap {
            $0.path.split(separator: "/").dropFirst().first.map(String.init)
        }
        return ModuleMap.unlisted(folders).map {
            Violation(path: "Sources/\($0)", line: 0, what: "not in Tests/ArchitectureTests/ModuleMap.swift")
        }
    }
}

extension ModuleMap {
    static func unlisted(_ folders: [String]) -> [String] {
        var seen: [String] = []
        for folder in folders where entry(folder) == nil && !seen.contains(folder) { seen.append(folder) }
        return seen
    }
}

extension SourceFile {
    /// Imported modules: `Foundation` for `import struct Foundation.Date`.
    var imports: [(name: String, line: Int)] {
        let kinds = ["struct", "class", "enum", "protocol", "func", "var", "let", "typealias"]
        return tokens.indices.compactMap { at in
            guard tokens[at].text == "import", tokens[at].kind == .word, at + 1 < tokens.count else { return nil }
            let name = kinds.contains(tokens[at + 1].text) && at + 2 < tokens.count ? tokens[at + 2] : tokens[at + 1]
            return (name.text, tokens[at].line)
        }
    }
}

/// Package.swift as far as text can tell: which names each target's declaration quotes, lists named by `let` included.
struct Manifest {
    /// A string literal keeps its contents here, unlike in `SwiftTokens`.
    private struct Word {
        var text: String
        var isQuoted: Bool
        var line: Int
    }
    private var words: [Word] = []

    init(_ text: String) {
        var line = 1
        for (lineText) in text.split(separator: "\n", omittingEmptySubsequences: false) {
            let code = lineText.place(of: "//").flatMap { found in
                // A URL is no comment.
                lineText[..<found.lowerBound].hasSuffix(":") ? nil : lineText[..<found.lowerBound]
            }
            for (part, piece) in (code ?? lineText).split(separator: "\"", omittingEmptySubsequences: false)
                .enumerated()
            {
                add(piece, isQuoted: part % 2 == 1, line: line)
            }
            line += 1
        }
    }

    private mutating func add(_ piece: Substring, isQuoted: Bool, line: Int) {
        if isQuoted { return words.append(Word(text: String(piece), isQuoted: true, line: line)) }
        var word = ""
        for character in piece + " " {
            if character.isLetter || character.isNumber || character == "_" {
                word.append(character)
                continue
            }
            if !word.isEmpty { words.append(Word(text: word, isQuoted: false, line: line)) }
            word = ""
            if !character.isWhitespace { words.append(Word(text: String(character), isQuoted: false, line: line)) }
        }
    }

    /// Where `module("X"`, `name: "X"` stands.
    private func start(of target: String) -> Int? {
        words.indices.first { at in
            guard words[at].isQuoted, words[at].text == target, at >= 2 else { return false }
            if words[at - 1].text == "(", words[at - 2].text == "module" { return true }
            guard words[at - 1].text == ":", words[at - 2].text == "name", at >= 4 else { return false }
            return ["target", "executableTarget", "systemLibrary"].contains(words[at - 4].text)
        }
    }

    func line(of target: String) -> Int? { start(of: target).map { words[$0].line } }

    func dependencies(of target: String) -> [String] {
        guard let start = start(of: target) else { return [] }
        var names: [String] = []
        var depth = 1
        for at in (start + 1)..<words.count {
            if ["(", "["].contains(words[at].text) { depth += 1 }
            if [")", "]"].contains(words[at].text) { depth -= 1 }
            if depth == 0 || ["tests", "settings"].contains(words[at].text) { break }
            names += quoted(at)
        }
        return names
    }

    /// The name quoted at this place, or those of the list that is named here. Labels and the package of a product are
    /// no names of modules.
    private func quoted(_ at: Int) -> [String] {
        if words[at].isQuoted { return words[at - 2].text == "package" ? [] : [words[at].text] }
        guard at + 1 < words.count, words[at + 1].text != ":", let value = list(named: words[at].text) else {
            return []
        }
        return value.flatMap(quoted)
    }

    /// The places of the value of `let name = ...`: up to the first line that does not continue it.
    private func list(named name: String) -> Range<Int>? {
        guard
            let start = words.indices.first(where: { $0 > 0 && words[$0 - 1].text == "let" && words[$0].text == name }),
            let equals = words[start...].firstIndex(where: { $0.text == "=" })
        else { return nil }
        var depth = 0
        for at in (equals + 1)..<words.count {
            let breaks = words[at].line > words[at - 1].line && at > equals + 1 && words[at].text != "+"
            if depth == 0, breaks { return (equals + 1)..<at }
            if ["(", "["].contains(words[at].text) { depth += 1 }
            if [")", "]"].contains(words[at].text) { depth -= 1 }
        }
        return nil
    }
}

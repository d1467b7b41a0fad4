/// What no source of ours may do, whatever its module.
extension Rule {
    static let everywhere: [Rule] = [traps, forceUnwraps, leftovers, emptyCatches, proofs]

    static let traps = Rule(
        name: "no traps on what can happen",
        why:
            "a daemon that traps drops its lease and its round; a peer, a file or a user must never be able to cause it"
    ) { tree in
        tree.sources.flatMap { file -> [Violation] in
            let forced = file.tokens.indices.dropFirst().filter { at in
                file.tokens[at].text == "!" && !file.tokens[at].spaced
                    && ["try", "as"].contains(file.tokens[at - 1].text)
            }.map {
                let word = file.tokens[$0 - 1].text
                return Violation(
                    path: file.path, line: file.tokens[$0].line, what: "`\(word)!` traps: handle the other way")
            }
            return forced + Phrase("fatalError (", "return a typed error").violations(in: file)
        }
    }

    static let forceUnwraps = Rule(
        name: "no force unwraps",
        why:
            "`!` says that nil cannot be, and tells nobody why: write a guard, or a precondition with a sentence"
    ) { tree in
        tree.sources.flatMap { file in
            file.tokens.indices.dropFirst().filter { at in
                let before = file.tokens[at - 1]
                guard file.tokens[at].text == "!", !file.tokens[at].spaced else { return false }
                if ["try", "as"].contains(before.text) { return false }
                return before.kind != .symbol || [")", "]", "}", ">"].contains(before.text)
            }.map { Violation(path: file.path, line: file.tokens[$0].line, what: "a force unwrap") }
        }
    }

    static let leftovers = Rule(
        name: "no leftovers", why: "what is not done is an issue, where somebody sees it, not a word in a file"
    ) { tree in
        let words = ["TO" + "DO", "FIX" + "ME"]
        return tree.files.flatMap { file in
            file.lines.enumerated().flatMap { at, line in
                words.filter { line.containsWord($0) }.map {
                    Violation(path: file.path, line: at + 1, what: "`\($0)`")
                }
            }
        }
    }

    static let emptyCatches = Rule(
        name: "no empty catch",
        why: "an error that nobody sees is a bug that nobody finds: count it, report it or say `try?`"
    ) { tree in
        tree.sources.flatMap { file in
            file.tokens.indices.filter { at in
                guard file.tokens[at].text == "catch",
                    let open = file.tokens[at...].firstIndex(where: { $0.text == "{" })
                else { return false }
                return open + 1 < file.tokens.count && file.tokens[open + 1].text == "}"
            }.map { Violation(path: file.path, line: file.tokens[$0].line, what: "an empty catch") }
        }
    }

    static let proofs = Rule(
        name: "unchecked claims carry their proof",
        why: "the compiler was told to look away; whoever reads it next must see why that is right"
    ) { tree in
        tree.sources.flatMap { file in
            let claims = [Phrase("@ unchecked", ""), Phrase("nonisolated ( unsafe", "")]
            return claims.flatMap { $0.occurrences(in: file.tokens) }.map { file.tokens[$0].line }
                .filter { line in !file.comments.contains { (line - 4...line).contains($0.line) } }
                .map { Violation(path: file.path, line: $0, what: "an unchecked claim without a comment before it") }
        }
    }
}

extension StringProtocol {
    /// Whether `word` stands in this text and is not part of a longer one.
    func containsWord(_ word: String) -> Bool {
        var rest = self[...]
        while let found = rest.place(of: word) {
            let before = rest[..<found.lowerBound].last
            let after = rest[found.upperBound...].first
            if !(before?.isWordPart ?? false), !(after?.isWordPart ?? false) { return true }
            rest = rest[found.upperBound...]
        }
        return false
    }

    /// Where `text` stands first, byte by byte.
    func place(of text: String) -> Range<Index>? {
        let wanted = Array(text.utf8)
        var start = utf8.startIndex
        while let first = wanted.first, let at = utf8[start...].firstIndex(of: first) {
            if utf8[at...].starts(with: wanted) { return at..<utf8.index(at, offsetBy: wanted.count) }
            start = utf8.index(after: at)
        }
        return nil
    }
}

extension Character {
    var isWordPart: Bool { isLetter || isNumber || self == "_" }
}

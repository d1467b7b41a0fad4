import Testing

struct Violation: Hashable, Sendable, CustomStringConvertible {
    var path: String
    var line: Int
    var what: String
    var description: String { "\(path):\(line): \(what)" }
}

/// A place where a rule does not hold, on purpose. It has a reason, and it goes when nothing needs it any more.
struct Allowance: Sendable {
    /// A file, or a folder with a slash at its end.
    var path: String
    /// What is allowed there: part of the violation's text; empty for all.
    var what = ""
    var reason: String

    func covers(_ violation: Violation) -> Bool {
        (path.hasSuffix("/") ? violation.path.hasPrefix(path) : violation.path == path)
            && (what.isEmpty || violation.what.contains(what))
    }
}

/// One rule of the house: what it looks for, and why it is there.
struct Rule: Sendable, CustomTestStringConvertible {
    let name: String
    let why: String
    var allowances: [Allowance] = []
    let check: @Sendable (SourceTree) -> [Violation]

    var testDescription: String { name }

    /// What is left after the allowances; an allowance that nothing needs is a violation, too.
    func violations(in tree: SourceTree) -> [Violation] {
        let found = check(tree)
        let left = found.filter { violation in !allowances.contains { $0.covers(violation) } }
        let idle = allowances.filter { allowance in !found.contains(where: allowance.covers) }
        return left
            + idle.map { Violation(path: $0.path, line: 0, what: "an exception that nothing needs: \($0.reason)") }
    }

    func report(_ violations: [Violation]) -> String {
        let lines = violations.map { "  \($0)" }.joined(separator: "\n")
        return "\(name): \(violations.count) to mend\n\(lines)\n  Why: \(why)"
    }
}

extension Rule {
    static let all: [Rule] = modules + pure + everywhere + owners + sizes + heads + repository
}

/// A sequence of tokens to look for, written with spaces between them: `Date (`.
struct Phrase: Sendable {
    let words: [String]
    let why: String

    init(_ text: String, _ why: String) {
        words = text.split(separator: " ").map(String.init)
        self.why = why
    }

    var text: String { words.joined() }

    /// Offsets of the first token of each occurrence. A name after `func`, `case` or a dot is somebody's own, unless
    /// the phrase begins with the dot.
    func occurrences(in tokens: [Token]) -> [Int] {
        guard let first = words.first, tokens.count >= words.count else { return [] }
        return (0...(tokens.count - words.count)).filter { at in
            guard tokens[at].text == first, tokens[at].kind != .string else { return false }
            guard words.indices.dropFirst().allSatisfy({ tokens[at + $0].text == words[$0] }) else { return false }
            let before = at > 0 ? tokens[at - 1].text : ""
            return first == "." || !["func", "case", "."].contains(before)
        }
    }

    func violations(in file: SourceFile) -> [Violation] {
        occurrences(in: file.tokens).map {
            Violation(path: file.path, line: file.tokens[$0].line, what: "`\(text)`: \(why)")
        }
    }
}

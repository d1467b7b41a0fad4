import Primitives

/// A word of a line, with the column of its first character.
struct Word: Hashable, Sendable {
    var text: String
    var column: Int

    var end: Int { column + text.count }
}

/// A line that says something, or a comment.
struct SourceLine: Hashable, Sendable {
    var number: Int
    var words: [Word]
    /// What stands after `#`, without the space before it.
    var comment: String?
}

/// Bytes of a file -> lines of words. Whatever the bytes are, it ends, and says where they are no scenario.
struct SourceLines {
    let file: String
    private(set) var lines: [SourceLine] = []

    init(file: String, bytes: [UInt8]) throws(ScenarioProblem) {
        self.file = file
        guard bytes.count <= Limits.scenarioFileBytes else {
            throw problem(
                1, 1, "the file is larger than a scenario may be, \(Limits.scenarioFileBytes) bytes",
                "split it into several scenarios")
        }
        var number = 0
        for raw in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            number += 1
            guard number <= Limits.scenarioLines else {
                throw problem(
                    number, 1, "a scenario has at most \(Limits.scenarioLines) lines", "split it into several scenarios"
                )
            }
            try add(raw.last == UInt8(ascii: "\r") ? raw.dropLast() : raw, number)
        }
    }

    private func problem(_ line: Int, _ column: Int, _ message: String, _ hint: String) -> ScenarioProblem {
        ScenarioProblem(file: file, line: line, column: column, message, hint: hint)
    }

    private mutating func add(_ raw: ArraySlice<UInt8>, _ number: Int) throws(ScenarioProblem) {
        guard raw.count <= Limits.scenarioLineBytes else {
            throw problem(
                number, Limits.scenarioLineBytes + 1,
                "the line has \(raw.count) bytes, at most \(Limits.scenarioLineBytes) are read", "break it into lines")
        }
        if let at = raw.firstIndex(where: { $0 < 32 && $0 != 9 || $0 == 127 }) {
            throw problem(
                number, at - raw.startIndex + 1, "byte \(raw[at]) is no text", "this does not look like a scenario file"
            )
        }
        guard let text = String(validating: raw, as: UTF8.self) else {
            throw problem(number, 1, "the line is not UTF-8", "this does not look like a scenario file")
        }
        let line = Self.words(text, number)
        if !line.words.isEmpty || line.comment != nil { lines.append(line) }
    }

    private static func words(_ text: String, _ number: Int) -> SourceLine {
        var line = SourceLine(number: number, words: [])
        var word = Word(text: "", column: 0)
        func isSpace(_ character: Character) -> Bool { character == " " || character == "\t" }
        for (at, character) in text.enumerated() {
            if isSpace(character) {
                if !word.text.isEmpty { line.words.append(word) }
                word.text = ""
            } else if word.text.isEmpty, character == "#" {
                line.comment = String(text.dropFirst(at + 1)).trimmed
                return line
            } else {
                if word.text.isEmpty { word.column = at + 1 }
                word.text.append(character)
            }
        }
        if !word.text.isEmpty { line.words.append(word) }
        return line
    }
}

extension StringProtocol {
    /// Without spaces and tabs at both ends.
    var trimmed: String {
        var rest = self[...]
        while let first = rest.first, first == " " || first == "\t" { rest.removeFirst() }
        while let last = rest.last, last == " " || last == "\t" { rest.removeLast() }
        return String(rest)
    }
}

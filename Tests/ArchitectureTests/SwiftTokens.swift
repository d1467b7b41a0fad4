/// A piece of Swift source: a word, a number, a whole string literal, or a symbol.
struct Token: Hashable, Sendable {
    enum Kind: Hashable, Sendable { case word, number, string, symbol }
    var kind: Kind
    /// Words keep their backticks; a string literal is `"` whatever it says.
    var text: String
    var line: Int
    /// Whether white space or a comment stands before it.
    var spaced: Bool
}

struct SourceComment: Hashable, Sendable {
    var line: Int
    var text: String
}

/// Cuts Swift source into tokens and comments, so that no rule mistakes a word in a comment or in a string for code.
/// Code inside of an interpolation counts as code. Bare regex literals are not understood; we write none.
struct SwiftTokens {
    private let bytes: [UInt8]
    private var at = 0
    private var line = 1
    private var spaced = true
    private(set) var tokens: [Token] = []
    private(set) var comments: [SourceComment] = []

    init(_ source: String) {
        bytes = Array(source.utf8)
        code(untilParenthesis: false)
    }

    private func byte(_ ahead: Int = 0) -> UInt8? { at + ahead < bytes.count ? bytes[at + ahead] : nil }
    private func stands(_ text: StaticString) -> Bool {
        let length = text.utf8CodeUnitCount
        guard at + length <= bytes.count else { return false }
        return (0..<length).allSatisfy { bytes[at + $0] == text.utf8Start[$0] }
    }

    private mutating func advance(_ count: Int = 1) {
        for _ in 0..<count where at < bytes.count {
            if bytes[at] == newline { line += 1 }
            at += 1
        }
    }

    private mutating func emit(_ kind: Token.Kind, _ text: String, line: Int, spaced: Bool) {
        tokens.append(Token(kind: kind, text: text, line: line, spaced: spaced))
        self.spaced = false
    }

    /// Up to the end of the source, or past the parenthesis that closes an interpolation.
    private mutating func code(untilParenthesis: Bool) {
        var depth = 0
        while let byte = byte() {
            if isSpace(byte) {
                spaced = true
                advance()
            } else if stands("//") {
                comment { $0.byte() == newline }
            } else if stands("/*") {
                blockComment()
            } else if isWord(byte) || byte == backtick {
                word()
            } else if let hashes = stringOpens() {
                string(hashes: hashes)
            } else {
                if byte == parenthesisOpens { depth += 1 }
                if byte == parenthesisCloses {
                    if depth == 0, untilParenthesis { return advance() }
                    depth -= 1
                }
                symbol()
            }
        }
    }

    private mutating func word() {
        let start = at
        let first = bytes[at]
        advance()
        while let next = byte(), isWord(next) || (first == backtick && bytes[at - 1] != backtick) || next == backtick {
            advance()
        }
        let text = String(decoding: bytes[start..<at], as: UTF8.self)
        emit((48...57).contains(first) ? .number : .word, text, line: line, spaced: spaced)
    }

    private mutating func symbol() {
        let start = at
        advance()
        if isOperator(bytes[start]) { while let next = byte(), isOperator(next), !stands("//") { advance() } }
        emit(.symbol, String(decoding: bytes[start..<at], as: UTF8.self), line: line, spaced: spaced)
    }
}

// MARK: - Comments and strings

extension SwiftTokens {
    private mutating func comment(ends: (Self) -> Bool) {
        let start = at
        let first = line
        while at < bytes.count, !ends(self) { advance() }
        comments.append(SourceComment(line: first, text: String(decoding: bytes[start..<at], as: UTF8.self)))
        spaced = true
    }

    private mutating func blockComment() {
        let start = at
        let first = line
        var depth = 0
        repeat {
            if stands("/*") {
                depth += 1; advance(2)
            } else if stands("*/") {
                depth -= 1; advance(2)
            } else {
                advance()
            }
        } while depth > 0 && at < bytes.count
        comments.append(SourceComment(line: first, text: String(decoding: bytes[start..<at], as: UTF8.self)))
        spaced = true
    }

    /// The number of `#` before the quote that opens a string here; nil if none opens.
    private func stringOpens() -> Int? {
        var hashes = 0
        while byte(hashes) == hash { hashes += 1 }
        return byte(hashes) == quote ? hashes : nil
    }

    private func hashesFollow(_ count: Int, after ahead: Int) -> Bool {
        (0..<count).allSatisfy { byte(ahead + $0) == hash }
    }

    private mutating func string(hashes: Int) {
        let first = line
        let space = spaced
        advance(hashes)
        let quotes = stands("\"\"\"") ? 3 : 1
        advance(quotes)
        while let next = byte() {
            if next == backslash, hashesFollow(hashes, after: 1) {
                advance(1 + hashes)
                let interpolates = byte() == parenthesisOpens
                advance()
                if interpolates { code(untilParenthesis: true) }
            } else if next == quote, quotes == 1 || stands("\"\"\""), hashesFollow(hashes, after: quotes) {
                advance(quotes + hashes)
                break
            } else if next == newline, quotes == 1 {
                break
            } else {
                advance()
            }
        }
        emit(.string, "\"", line: first, spaced: space)
    }
}

private let newline = UInt8(ascii: "\n")
private let quote = UInt8(ascii: "\"")
private let hash = UInt8(ascii: "#")
private let backslash = UInt8(ascii: "\\")
private let backtick = UInt8(ascii: "`")
private let parenthesisOpens = UInt8(ascii: "(")
private let parenthesisCloses = UInt8(ascii: ")")

private func isSpace(_ byte: UInt8) -> Bool { byte == 32 || (9...13).contains(byte) }
private func isWord(_ byte: UInt8) -> Bool {
    (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte) || byte == 95 || byte == 36
        || byte >= 128
}
private func isOperator(_ byte: UInt8) -> Bool { "=-+*<>&|^~?%!/".utf8.contains(byte) }

/// A function, initializer or computed property with a body.
struct FunctionBody: Hashable, Sendable {
    var name: String
    var line: Int
    /// From the line of its keyword to the line of its closing brace.
    var lineCount: Int
    /// A computed property: bounded like a function, but not counted in the medians of functions.
    var isProperty: Bool

    static func all(in tokens: [Token]) -> [FunctionBody] {
        tokens.indices.compactMap { at in
            guard let isProperty = declares(tokens, at), let body = bodyStart(tokens, at, isProperty: isProperty),
                let end = closing(tokens, body)
            else { return nil }
            let named = ["func", "var"].contains(tokens[at].text) && at + 1 < tokens.count
            return FunctionBody(
                name: named ? tokens[at + 1].text : tokens[at].text, line: tokens[at].line,
                lineCount: tokens[end].line - tokens[at].line + 1, isProperty: isProperty)
        }
    }

    /// Nil if no function or computed property can begin here; else whether it is a property.
    private static func declares(_ tokens: [Token], _ at: Int) -> Bool? {
        guard tokens[at].kind == .word, at == 0 || tokens[at - 1].text != "." else { return nil }
        switch tokens[at].text {
        case "func", "deinit": return false
        case "init", "subscript":
            let next = at + 1 < tokens.count ? tokens[at + 1].text : ""
            return ["(", "?", "!", "<"].contains(next) ? false : nil
        case "var": return true
        default: return nil
        }
    }

    /// The brace that opens the body; nil for a requirement without a body and for a stored property.
    private static func bodyStart(_ tokens: [Token], _ start: Int, isProperty: Bool) -> Int? {
        var depth = 0
        for at in (start + 1)..<max(tokens.count, start + 1) {
            let token = tokens[at]
            if ["(", "["].contains(token.text) { depth += 1 }
            if [")", "]"].contains(token.text) { depth -= 1 }
            guard depth == 0 else { continue }
            if token.text == "{" { return at }
            if token.text == "}" || token.text == ";" || depth < 0 { return nil }
            if isProperty, token.text == "=" { return nil }
            if token.line > tokens[at - 1].line, at > start + 1, beginsDeclaration.contains(token.text) { return nil }
        }
        return nil
    }

    private static let beginsDeclaration = [
        "func", "var", "let", "init", "deinit", "subscript", "static", "public", "package", "internal", "fileprivate",
        "private", "mutating", "nonmutating", "case", "struct", "enum", "class", "actor", "extension", "protocol",
        "final", "nonisolated", "associatedtype", "typealias", "import", "@", "#", "if", "guard", "return", "for",
        "while", "switch", "try", "await", "do", "defer", "indirect", "override",
    ]
}

/// A `switch` with its labels.
struct SwitchBody: Hashable, Sendable {
    var line: Int
    var lineCount: Int
    /// Whether a label begins with `case .`: then it is over an enum.
    var namesCases: Bool
    var defaultLine: Int?

    static func all(in tokens: [Token]) -> [SwitchBody] {
        tokens.indices.compactMap { at in
            guard tokens[at].kind == .word, tokens[at].text == "switch", let open = subjectEnd(tokens, at),
                let close = closing(tokens, open)
            else { return nil }
            let labels = self.labels(tokens, open, close)
            return SwitchBody(
                line: tokens[at].line, lineCount: tokens[close].line - tokens[at].line + 1,
                namesCases: labels.contains { tokens[$0].text == "case" && tokens[$0 + 1].text == "." },
                defaultLine: labels.first { tokens[$0].text == "default" }.map { tokens[$0].line })
        }
    }

    private static func subjectEnd(_ tokens: [Token], _ start: Int) -> Int? {
        var depth = 0
        for at in start..<tokens.count {
            if ["(", "["].contains(tokens[at].text) { depth += 1 }
            if [")", "]"].contains(tokens[at].text) { depth -= 1 }
            if depth == 0, tokens[at].text == "{" { return at }
        }
        return nil
    }

    /// `case` and `default` of this switch itself: at its own depth, first in their line.
    private static func labels(_ tokens: [Token], _ open: Int, _ close: Int) -> [Int] {
        var depth = 0
        return (open..<close).filter { at in
            if ["{", "(", "["].contains(tokens[at].text) { depth += 1 }
            if ["}", ")", "]"].contains(tokens[at].text) { depth -= 1 }
            let first = at > open && (tokens[at].line > tokens[at - 1].line || at == open + 1)
            return depth == 1 && first && tokens[at].kind == .word && ["case", "default"].contains(tokens[at].text)
        }
    }
}

/// The offset of the brace that closes the one at `open`.
private func closing(_ tokens: [Token], _ open: Int) -> Int? {
    var depth = 0
    for at in open..<tokens.count {
        if tokens[at].text == "{" { depth += 1 }
        if tokens[at].text == "}" { depth -= 1 }
        if depth == 0 { return at }
    }
    return nil
}

import Primitives

/// JSON that keeps what it was made of: the order of keys, and numbers as they were written.
package indirect enum OrderedJSON: Hashable, Sendable {
    package struct Member: Hashable, Sendable {
        package var key: String
        package var value: OrderedJSON
    }

    case object([Member])
    case array([OrderedJSON])
    case string(String)
    /// The digits as they stand in the text.
    case number(String)
    case bool(Bool)
    case null

    package subscript(key: String) -> OrderedJSON? {
        guard case .object(let members) = self else { return nil }
        return members.last { $0.key == key }?.value
    }

    package var text: String? { if case .string(let text) = self { text } else { nil } }
    package var items: [OrderedJSON]? { if case .array(let items) = self { items } else { nil } }
    package var isObject: Bool { if case .object = self { true } else { false } }

    /// Sets a member where it stands, or at the end; nil takes it away. Does nothing to what is no object.
    package mutating func set(_ key: String, _ value: OrderedJSON?) {
        guard case .object(var members) = self else { return }
        if let place = members.lastIndex(where: { $0.key == key }) {
            if let value { members[place].value = value } else { members.remove(at: place) }
        } else if let value {
            members.append(Member(key: key, value: value))
        }
        self = .object(members)
    }

    package static func make(_ members: KeyValuePairs<String, OrderedJSON>) -> OrderedJSON {
        .object(members.map { Member(key: $0.key, value: $0.value) })
    }
}

// Printing.
extension OrderedJSON {
    /// One line without spaces.
    package var compact: String {
        switch self {
        case .object(let members):
            "{" + members.map { Self.quoted($0.key) + ":" + $0.value.compact }.joined(separator: ",") + "}"
        case .array(let items): "[" + items.map(\.compact).joined(separator: ",") + "]"
        case .string, .number, .bool, .null: scalar
        }
    }

    /// Many lines, as settings are written: indented by `indent` a level, a newline at the end.
    package func pretty(indent: String = "  ") -> String { lines(indent, "") + "\n" }

    private func lines(_ indent: String, _ before: String) -> String {
        let inner = before + indent
        switch self {
        case .object(let members):
            if members.isEmpty { return "{}" }
            let rows = members.map { inner + Self.quoted($0.key) + ": " + $0.value.lines(indent, inner) }
            return "{\n" + rows.joined(separator: ",\n") + "\n" + before + "}"
        case .array(let items):
            if items.isEmpty { return "[]" }
            return "[\n" + items.map { inner + $0.lines(indent, inner) }.joined(separator: ",\n") + "\n" + before + "]"
        case .string, .number, .bool, .null: return scalar
        }
    }

    private var scalar: String {
        switch self {
        case .string(let text): Self.quoted(text)
        case .number(let digits): digits
        case .bool(let value): value ? "true" : "false"
        case .null, .object, .array: "null"
        }
    }

    static func quoted(_ text: String) -> String {
        var out = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": out += "\\\""
            case "\\": out += "\\\\"
            case "\n": out += "\\n"
            case "\r": out += "\\r"
            case "\t": out += "\\t"
            case "\u{0}"..<"\u{20}":
                let hex = String(scalar.value, radix: 16)
                out += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out + "\""
    }
}

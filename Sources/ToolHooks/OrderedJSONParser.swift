import Primitives

/// Why a text is no JSON that we edit.
package struct JSONProblem: Error, Hashable, Sendable {
    /// From 1.
    package var line: Int
    package var why: String
}

extension OrderedJSON {
    /// Strict JSON of at most `Limits.hookPayloadBytes` and `Limits.hookJSONDepth` levels. Comments are refused: they
    /// could not be kept.
    package init(parsing bytes: [UInt8]) throws(JSONProblem) {
        var parser = OrderedJSONParser(bytes)
        self = try parser.document()
    }
}

/// Reads JSON from its first byte to its last.
struct OrderedJSONParser {
    private let bytes: [UInt8]
    private var offset = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    mutating func document() throws(JSONProblem) -> OrderedJSON {
        guard bytes.count <= Limits.hookPayloadBytes else { throw problem("it is larger than 1 MiB") }
        let value = try value(depth: 0)
        skipSpace()
        guard offset == bytes.count else { throw problem("something follows the end") }
        return value
    }

    private func problem(_ why: String) -> JSONProblem {
        JSONProblem(line: bytes.prefix(offset).count { $0 == 0x0A } + 1, why: why)
    }

    private mutating func skipSpace() {
        while offset < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[offset]) { offset += 1 }
    }

    private var next: UInt8? { offset < bytes.count ? bytes[offset] : nil }

    private mutating func take(_ byte: UInt8) -> Bool {
        skipSpace()
        guard next == byte else { return false }
        offset += 1
        return true
    }

    private mutating func value(depth: Int) throws(JSONProblem) -> OrderedJSON {
        guard depth < Limits.hookJSONDepth else { throw problem("it is nested too deeply") }
        skipSpace()
        switch next {
        case UInt8(ascii: "{"): return try object(depth: depth)
        case UInt8(ascii: "["): return try array(depth: depth)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "/"): throw problem("it has comments, which are no JSON and could not be kept")
        case nil: throw problem("it ends too early")
        default: return try word()
        }
    }

    private mutating func object(depth: Int) throws(JSONProblem) -> OrderedJSON {
        offset += 1
        var members: [OrderedJSON.Member] = []
        if take(UInt8(ascii: "}")) { return .object(members) }
        repeat {
            skipSpace()
            if next == UInt8(ascii: "/") { throw problem("it has comments, which are no JSON and could not be kept") }
            guard next == UInt8(ascii: "\"") else { throw problem("a key is missing") }
            let key = try string()
            guard take(UInt8(ascii: ":")) else { throw problem("a ':' is missing after \"\(key.prefix(40))\"") }
            members.append(OrderedJSON.Member(key: key, value: try value(depth: depth + 1)))
        } while take(UInt8(ascii: ","))
        guard take(UInt8(ascii: "}")) else { throw problem("a ',' or '}' is missing") }
        return .object(members)
    }

    private mutating func array(depth: Int) throws(JSONProblem) -> OrderedJSON {
        offset += 1
        var items: [OrderedJSON] = []
        if take(UInt8(ascii: "]")) { return .array(items) }
        repeat { items.append(try value(depth: depth + 1)) } while take(UInt8(ascii: ","))
        guard take(UInt8(ascii: "]")) else { throw problem("a ',' or ']' is missing") }
        return .array(items)
    }

    private mutating func word() throws(JSONProblem) -> OrderedJSON {
        let start = offset
        let ends: [UInt8] = [0x20, 0x09, 0x0A, 0x0D] + Array(",]}".utf8)
        while let byte = next, !ends.contains(byte) { offset += 1 }
        let text = String(decoding: bytes[start..<offset], as: UTF8.self)
        switch text {
        case "true": return .bool(true)
        case "false": return .bool(false)
        case "null": return .null
        default:
            let first = text.utf8.first ?? 0
            guard first == UInt8(ascii: "-") || (0x30...0x39).contains(first), Double(text) != nil,
                text.utf8.allSatisfy({ Array("0123456789+-.eE".utf8).contains($0) })
            else { throw problem("\"\(text.prefix(20))\" is no value") }
            return .number(text)
        }
    }

    private mutating func string() throws(JSONProblem) -> String {
        offset += 1
        var text: [UInt8] = []
        while let byte = next {
            offset += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let whole = String(validating: text, as: UTF8.self) else { throw problem("it is not UTF-8") }
                return whole
            case UInt8(ascii: "\\"): try escape(into: &text)
            case 0..<0x20: throw problem("a string is not closed on its line")
            default: text.append(byte)
            }
        }
        throw problem("a string is not closed")
    }

    private mutating func escape(into text: inout [UInt8]) throws(JSONProblem) {
        guard let byte = next else { throw problem("a string is not closed") }
        offset += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"): text += Array(String(Character(try unicode())).utf8)
        default: throw problem("an escape is not known")
        }
    }

    /// A pair of surrogates is one scalar; half a pair is the replacement character.
    private mutating func unicode() throws(JSONProblem) -> Unicode.Scalar {
        let first = try hex()
        if (0xD800..<0xDC00).contains(first), offset + 1 < bytes.count, bytes[offset] == UInt8(ascii: "\\"),
            bytes[offset + 1] == UInt8(ascii: "u")
        {
            let before = offset
            offset += 2
            let second = try hex()
            if (0xDC00..<0xE000).contains(second) {
                return Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00)) ?? "\u{FFFD}"
            }
            offset = before
        }
        return Unicode.Scalar(first) ?? "\u{FFFD}"
    }

    private mutating func hex() throws(JSONProblem) -> UInt32 {
        guard offset + 4 <= bytes.count,
            let number = UInt32(String(decoding: bytes[offset..<(offset + 4)], as: UTF8.self), radix: 16)
        else { throw problem("an escape is not whole") }
        offset += 4
        return number
    }
}

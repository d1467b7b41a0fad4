/// One message on the socket: `{"id":1,"kind":"status","body":{...}}`. The body stays what it is: raw JSON.
///
/// A client numbers its calls from 1. The agent answers a call with any number of `item` and then one `reply` or
/// `error`, all with the call's number. Messages numbered 0 are notices that belong to no call.
struct ControlMessage: Hashable, Sendable {
    var id: UInt64
    var kind: String
    var body: [UInt8]

    static let reply = "reply"
    static let error = "error"
    static let item = "item"
    static let cancel = "cancel"

    /// The message as JSON. A kind that is not of `isKind` was put in by our own code only.
    var bytes: [UInt8] {
        var bytes = Array("{\"id\":\(id),\"kind\":\"\(kind)\",\"body\":".utf8)
        bytes.append(contentsOf: body.isEmpty ? ControlJSON.empty : body)
        bytes.append(UInt8(ascii: "}"))
        return bytes
    }

    /// Kinds are 1 to 64 of `a-z 0-9 . _ -`.
    static func isKind(_ text: some Sequence<UInt8>) -> Bool {
        var count = 0
        for byte in text {
            count += 1
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): continue
            case UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"): continue
            default: return false
            }
        }
        return (1...64).contains(count)
    }
}

extension ControlMessage {
    /// Nil for anything but one object with a whole number `id` and a string `kind`; `body` is `{}` if absent, other
    /// fields are passed over. The body's extent is found here; whether it is sound JSON is found by who decodes it.
    init?(parsing bytes: [UInt8]) {
        var scanner = JSONScanner(bytes)
        guard scanner.take(UInt8(ascii: "{")) else { return nil }
        var id: UInt64?
        var kind: String?
        var body: [UInt8] = ControlJSON.empty
        repeat {
            guard let name = scanner.string(), scanner.take(UInt8(ascii: ":")), let value = scanner.value() else {
                return nil
            }
            if name.elementsEqual("id".utf8) {
                guard id == nil, let number = UInt64(String(decoding: value, as: UTF8.self)) else { return nil }
                id = number
            } else if name.elementsEqual("kind".utf8) {
                let text = value.dropFirst().dropLast()
                guard kind == nil, value.first == UInt8(ascii: "\""), ControlMessage.isKind(text) else { return nil }
                kind = String(decoding: text, as: UTF8.self)
            } else if name.elementsEqual("body".utf8) {
                body = Array(value)
            }
        } while scanner.take(UInt8(ascii: ","))
        guard scanner.take(UInt8(ascii: "}")), scanner.isAtEnd, let id, let kind else { return nil }
        self.init(id: id, kind: kind, body: body)
    }
}

/// Finds where JSON values begin and end, without recursion and without reading them.
struct JSONScanner {
    private let bytes: [UInt8]
    private var offset = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    private mutating func skipSpace() {
        while offset < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[offset]) { offset += 1 }
    }

    var isAtEnd: Bool {
        mutating get {
            skipSpace()
            return offset == bytes.count
        }
    }

    /// Takes `byte` if it comes next.
    mutating func take(_ byte: UInt8) -> Bool {
        skipSpace()
        guard offset < bytes.count, bytes[offset] == byte else { return false }
        offset += 1
        return true
    }

    /// The raw inside of a string, escapes as they are; nil if no whole string comes next.
    mutating func string() -> ArraySlice<UInt8>? {
        guard take(UInt8(ascii: "\"")) else { return nil }
        let start = offset
        while offset < bytes.count {
            switch bytes[offset] {
            case UInt8(ascii: "\""):
                offset += 1
                return bytes[start..<(offset - 1)]
            case UInt8(ascii: "\\"): offset += 2
            default: offset += 1
            }
        }
        return nil
    }

    /// The raw bytes of the value that comes next: brackets balanced, strings whole.
    mutating func value() -> ArraySlice<UInt8>? {
        skipSpace()
        let start = offset
        var depth = 0
        while offset < bytes.count {
            switch bytes[offset] {
            case UInt8(ascii: "\""):
                guard string() != nil else { return nil }
                if depth == 0 { return bytes[start..<offset] }
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                depth += 1
                offset += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                if depth == 0 { return start == offset ? nil : bytes[start..<offset] }
                depth -= 1
                offset += 1
                if depth == 0 { return bytes[start..<offset] }
            case UInt8(ascii: ","), 0x20, 0x09, 0x0A, 0x0D:
                if depth == 0 { return start == offset ? nil : bytes[start..<offset] }
                offset += 1
            default: offset += 1
            }
        }
        return nil
    }
}

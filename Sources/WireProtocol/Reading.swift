import Foundation
import Primitives

// What every number, text, list and id of a message must be, so that no later arithmetic overflows and no peer's text
// reaches a terminal with control characters.

enum Bounds {
    /// Terms, indexes, counters and sequences stay below this: adding to one can never overflow.
    static let number = Limits.largestNumber
    /// Counts stay below this: nine devices' counts fit a UInt32 in sum.
    static let count: UInt32 = 1 << 28
    static let duration: UInt64 = 86_400_000_000_000
}

/// Checked ways from a message's field to a value; `field` names it in the error.
enum Read {
    static func number(_ value: UInt64, _ field: String) throws(WireError) -> UInt64 {
        guard value < Bounds.number else { throw .invalid(field: field, "is too large (\(value))") }
        return value
    }

    static func count(_ value: UInt32, _ field: String) throws(WireError) -> UInt32 {
        guard value < Bounds.count else { throw .invalid(field: field, "is too large (\(value))") }
        return value
    }

    static func duration(_ nanoseconds: UInt64, _ field: String) throws(WireError) -> Duration {
        guard nanoseconds <= Bounds.duration else { throw .invalid(field: field, "is longer than a day") }
        return .nanoseconds(Int64(nanoseconds))
    }

    static func digest(_ bytes: Data, _ field: String) throws(WireError) -> Digest {
        guard let digest = Digest(bytes: bytes) else {
            throw .invalid(field: field, "has \(bytes.count) bytes instead of 32")
        }
        return digest
    }

    static func device(_ bytes: Data, _ field: String) throws(WireError) -> DeviceID {
        DeviceID(try digest(bytes, field))
    }

    static func device(_ bytes: Data, if present: Bool, _ field: String) throws(WireError) -> DeviceID? {
        present ? try device(bytes, field) : nil
    }

    /// Ids of members, in the sender's order, no more than a mesh can have.
    static func devices(_ list: [Data], _ field: String) throws(WireError) -> [DeviceID] {
        try limit(list.count, Limits.devices, field)
        return try list.map { (bytes) throws(WireError) in try device(bytes, field) }
    }

    static func revision(_ bytes: Data, _ field: String) throws(WireError) -> Revision {
        guard bytes.count == 20 || bytes.count == 32, let revision = Revision(hex: Hex.encode(bytes)) else {
            throw .invalid(field: field, "has \(bytes.count) bytes instead of 20 or 32")
        }
        return revision
    }

    static func revision(_ bytes: Data, if present: Bool, _ field: String) throws(WireError) -> Revision? {
        present ? try revision(bytes, field) : nil
    }

    static func lockName(_ text: String) throws(WireError) -> LockName {
        guard let name = LockName(text) else { throw .invalid(field: "lock name", "is no lock's name") }
        return name
    }

    /// A text of `length` bytes that may be shown on a terminal.
    static func text(_ text: String, _ length: ClosedRange<Int>, _ field: String) throws(WireError) -> String {
        guard length.contains(text.utf8.count) else {
            throw .invalid(field: field, "has \(text.utf8.count) bytes; \(length) are allowed")
        }
        guard text.unicodeScalars.allSatisfy(isPlain) else {
            throw .invalid(field: field, "has control characters")
        }
        return text
    }

    /// A sentence for people.
    static func sentence(_ text: String, _ field: String) throws(WireError) -> String {
        try self.text(text, 0...Limits.messageTextBytes, field)
    }

    static func limit(_ count: Int, _ limit: Int, _ field: String) throws(WireError) {
        guard count <= limit else { throw .invalid(field: field, "has \(count) elements; \(limit) are allowed") }
    }

    static func present(_ isPresent: Bool, _ field: String) throws(WireError) {
        guard isPresent else { throw .invalid(field: field, "is missing") }
    }

    /// No control character, no mark that changes the direction of the text around it.
    static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<32, 127..<160, 0x200E, 0x200F, 0x2028...0x202E, 0x2066...0x2069: false
        default: true
        }
    }
}

/// Ways from a value to a field. What only people read is cut to its bounds; what a machine relies on is written as it
/// is, and refused by the reader (and by `MeshCommandCodec` before it is proposed or stored) if out of bounds.
enum Write {
    static func count(_ value: UInt32) -> UInt32 { min(value, Bounds.count - 1) }

    /// Ages and waits: cut to 0...1 day.
    static func duration(_ value: Duration) -> UInt64 {
        if value <= .zero { return 0 }
        return value >= .seconds(86_400) ? Bounds.duration : UInt64(value.wholeNanoseconds)
    }

    static func device(_ value: DeviceID) -> Data { Data(value.digest.bytes) }

    static func revision(_ value: Revision) -> Data { Data(Hex.decode(value.hex) ?? []) }

    /// Control characters become spaces; what exceeds the limit is cut off at a character.
    static func sentence(_ text: String, limit: Int = Limits.messageTextBytes) -> String {
        if text.utf8.count <= limit, text.unicodeScalars.allSatisfy(Read.isPlain) { return text }
        var kept = String.UnicodeScalarView()
        var bytes = 0
        for scalar in text.unicodeScalars {
            let next = Read.isPlain(scalar) ? scalar : " "
            bytes += UTF8.width(next)
            if bytes > limit { break }
            kept.append(next)
        }
        return String(kept)
    }
}

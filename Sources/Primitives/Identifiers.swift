/// A 32-byte value kept inline, compared as a big-endian number.
public struct Digest: Hashable, Comparable, Sendable {
    public var words: (UInt64, UInt64, UInt64, UInt64)

    public init(_ a: UInt64, _ b: UInt64, _ c: UInt64, _ d: UInt64) { words = (a, b, c, d) }

    /// Nil unless there are exactly 32 bytes.
    public init?(bytes: some Collection<UInt8>) {
        guard bytes.count == 32 else { return nil }
        var parts: [UInt64] = [0, 0, 0, 0]
        for (offset, byte) in bytes.enumerated() { parts[offset / 8] = parts[offset / 8] << 8 | UInt64(byte) }
        self.init(parts[0], parts[1], parts[2], parts[3])
    }

    /// Nil unless there are exactly 64 hexadecimal digits.
    public init?(hex: some StringProtocol) {
        guard let bytes = Hex.decode(hex) else { return nil }
        self.init(bytes: bytes)
    }

    public var bytes: [UInt8] {
        [words.0, words.1, words.2, words.3].flatMap { word in
            (0..<8).map { UInt8(truncatingIfNeeded: word >> (56 - 8 * UInt64($0))) }
        }
    }

    public var hex: String { Hex.encode(bytes) }

    public static func == (a: Digest, b: Digest) -> Bool { a.words == b.words }
    public static func < (a: Digest, b: Digest) -> Bool { a.words < b.words }
    public func hash(into hasher: inout Hasher) {
        hasher.combine(words.0)
        hasher.combine(words.1)
        hasher.combine(words.2)
        hasher.combine(words.3)
    }
}

/// A device: the SHA-256 of its public key (SubjectPublicKeyInfo). Printed as 64 hexadecimal digits.
public struct DeviceID: Hashable, Comparable, Sendable, CustomStringConvertible {
    public var digest: Digest

    public init(_ digest: Digest) { self.digest = digest }
    public init?(hex: some StringProtocol) {
        guard let digest = Digest(hex: hex) else { return nil }
        self.digest = digest
    }

    /// A device of a simulation or a test: small numbers sort in their order.
    public init(number: UInt64) { digest = Digest(number << 32, 0, 0, 0) }

    /// The hub where a participant of a round is named: it is no device, and no key has this digest.
    public static let hub = DeviceID(Digest(0, 0, 0, 0))

    public static func < (a: DeviceID, b: DeviceID) -> Bool { a.digest < b.digest }
    public var description: String { digest.hex }
    /// The first ten digits, for lines that people read.
    public var short: String { self == .hub ? "hub" : String(digest.hex.prefix(10)) }
}

/// A mesh: 32 random bytes drawn when it is founded.
public struct MeshID: Hashable, Sendable, CustomStringConvertible {
    public var digest: Digest
    public init(_ digest: Digest) { self.digest = digest }
    public init?(hex: some StringProtocol) {
        guard let digest = Digest(hex: hex) else { return nil }
        self.digest = digest
    }
    public var description: String { digest.hex }
}

/// A git commit by its object id (40 or 64 lower-case hexadecimal digits); opaque to the pure core.
public struct Revision: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let hex: String

    /// Nil unless it is a full, lower-case object id.
    public init?(hex: some StringProtocol) {
        let digits = hex.utf8
        guard digits.count == 40 || digits.count == 64 else { return nil }
        guard digits.allSatisfy({ (48...57).contains($0) || (97...102).contains($0) }) else { return nil }
        self.hex = String(hex)
    }

    /// A revision of a simulation or a test.
    public init(number: UInt64) {
        let digits = String(number, radix: 16)
        hex = String(repeating: "0", count: 40 - digits.count) + digits
    }

    public static func < (a: Revision, b: Revision) -> Bool { a.hex < b.hex }
    public var description: String { hex }
    public var short: String { String(hex.prefix(10)) }
}

/// Names one request of one device so that a retry is applied once. `incarnation` differs for every start of the agent.
public struct RequestID: Hashable, Comparable, Sendable, CustomStringConvertible {
    public var device: DeviceID
    public var incarnation: UInt64
    public var number: UInt64

    public init(device: DeviceID, incarnation: UInt64, number: UInt64) {
        self.device = device
        self.incarnation = incarnation
        self.number = number
    }

    public static func < (a: RequestID, b: RequestID) -> Bool {
        (a.device, a.incarnation, a.number) < (b.device, b.incarnation, b.number)
    }
    public var description: String { "\(device.short)/\(incarnation)/\(number)" }
}

/// Hexadecimal digits, lower case.
public enum Hex {
    public static func encode(_ bytes: some Sequence<UInt8>) -> String {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        for byte in bytes {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// Nil for an odd count or a byte that is no hexadecimal digit.
    public static func decode(_ text: some StringProtocol) -> [UInt8]? {
        let digits = Array(text.utf8)
        guard digits.count.isMultiple(of: 2) else { return nil }
        var bytes: [UInt8] = []
        for offset in stride(from: 0, to: digits.count, by: 2) {
            guard let high = value(digits[offset]), let low = value(digits[offset + 1]) else { return nil }
            bytes.append(high << 4 | low)
        }
        return bytes
    }

    private static func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case 48...57: digit - 48
        case 65...70: digit - 55
        case 97...102: digit - 87
        default: nil
        }
    }
}

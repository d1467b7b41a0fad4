// The fields have the names that they have in JSON.
// swift-format-ignore-file: AlwaysUseLowerCamelCase

// What the CLI may ask of the record: audit and metrics.

extension ControlCall {
    /// `LogCall` -> `LogReport`.
    package static let log = "log"
    /// `EmptyBody` -> `LogVerdict`: walks the audit's chain.
    package static let verifyLog = "log.verify"
    /// `EmptyBody` -> `MetricsReport`.
    package static let metrics = "metrics"
}

package struct LogCall: Codable, Hashable, Sendable {
    /// Rows, or operations.
    package var limit: Int
    /// Rows after this id.
    package var after: Int64?
    package var device: String?
    package var kind: String?
    /// Only what happened within so many seconds.
    package var since_s: Double?
    /// One operation: its id (`k7f2q`), or the number of a published round.
    package var op: String?
    /// True: `operations` are wanted, and no rows unless `op` is given.
    package var operations: Bool?

    package init(
        limit: Int, after: Int64? = nil, device: String? = nil, kind: String? = nil, since_s: Double? = nil,
        op: String? = nil, operations: Bool? = nil
    ) {
        self.limit = limit
        self.after = after
        self.device = device
        self.kind = kind
        self.since_s = since_s
        self.op = op
        self.operations = operations
    }
}

package struct LogReport: Codable, Hashable, Sendable {
    package var schema = "baton.log/1"

    package struct Row: Codable, Hashable, Sendable {
        package var id: Int64
        /// The operation that the row belongs to.
        package var op: String
        /// RFC 3339, UTC, milliseconds.
        package var at: String
        package var age_s: Double
        package var kind: String
        /// The device that the row tells of.
        package var device: String
        package var device_name: String
        package var round: String?
        package var token: String?
        package var summary: String
        /// Compact JSON: an object whose values are text.
        package var details: String
        /// SHA-256 over this row and the hash of the one before, in hex.
        package var hash: String
    }

    /// A round, or something else that happened once: what one line of `baton log` shows.
    package struct Operation: Codable, Hashable, Sendable {
        package var op: String
        /// RFC 3339, UTC, milliseconds: its last row.
        package var at: String
        package var age_s: Double
        /// `round`, or the kind of its one row.
        package var kind: String
        /// The device that did it: of a round its leader.
        package var by: String
        package var by_name: String
        package var what: String
        /// `ok`, `skipped`, `given up`, `refused`, `declined`, `lost`, `1 conflict` ...; empty where none is due.
        package var result: String
        package var took_s: Double?
        /// The number of a published round.
        package var round: UInt64?
        package var round_id: String?
        package var rows: Int
    }

    /// Oldest first.
    package var rows: [Row]
    /// Newest first.
    package var operations: [Operation]
}

/// What a walk along the audit's chain found.
package struct LogVerdict: Codable, Hashable, Sendable {
    package var schema = "baton.log-verdict/1"
    package var whole: Bool
    package var rows: Int
    package var first: Int64?
    package var last: Int64?
    /// Retention cut off the rows up to this one.
    package var cut_before: Int64?
    /// Rows older than the chain.
    package var unchained: Int
    /// The newest row's hash, in hex.
    package var tip: String
    /// The first row that does not fit, and its operation.
    package var broken_row: Int64?
    package var broken_op: String?
    package var why: String?
}

/// `text`: Prometheus text format 0.0.4.
package struct MetricsReport: Codable, Hashable, Sendable {
    package var text: String
}

/// The short id of an operation: `k` and its first row's id in base 32 (digits, and letters without i, l, o, u), at
/// least four of them: no number, and it grows with time. Of this device alone.
package enum OperationID {
    private static let digits = Array("0123456789abcdefghjkmnpqrstvwxyz")

    package static func text(_ id: Int64) -> String {
        var number = UInt64(max(0, id))
        var text: [Character] = []
        while number > 0 {
            text.append(digits[Int(number & 31)])
            number >>= 5
        }
        return "k" + String(repeating: "0", count: max(0, 4 - text.count)) + String(text.reversed())
    }

    /// Nil for what is none.
    package static func number(_ text: some StringProtocol) -> Int64? {
        guard (5...13).contains(text.count), text.first == "k" else { return nil }
        var number: Int64 = 0
        for character in text.dropFirst().lowercased() {
            guard let digit = digits.firstIndex(of: character) else { return nil }
            number = number << 5 | Int64(digit)
        }
        return number
    }
}

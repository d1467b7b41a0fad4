import Primitives

/// One row of the table that explains a failure.
package struct TranscriptRow: Hashable, Sendable {
    package var event: UInt64
    package var time: TrueTime
    package var node: Int?
    package var role: String
    package var term: String
    package var commit: String
    package var token: String
    package var phase: String
    package var text: String

    package static let header = ["event", "time", "node", "role", "term", "commit", "token", "round", "what"]

    package var cells: [String] {
        [String(event), time.description, node.map { String($0 + 1) } ?? "-", role, term, commit, token, phase, text]
    }
}

/// The last rows of a run.
package struct Transcript: Hashable, Sendable {
    package var limit = 40
    /// Heartbeats and ticks too.
    package var quietToo = false
    package private(set) var rows: [TranscriptRow] = []

    mutating func add(_ row: TranscriptRow) {
        rows.append(row)
        if rows.count > limit &* 2 &+ 64 { rows.removeFirst(rows.count - limit) }
    }

    /// At most `limit`, newest last.
    package var last: [TranscriptRow] { Array(rows.suffix(limit)) }
}

import GRDB
import Primitives

/// How far this device is with a round: written before the step, so that a crash leaves no doubt what may be half done.
package struct JournalNote: Hashable, Sendable {
    package var round: RoundID
    package var step: JournalStep
    /// The revision that is staged or applied.
    package var revision: Revision?
    /// What the shell that does the work wants to know again.
    package var detail: String

    package init(round: RoundID, step: JournalStep, revision: Revision? = nil, detail: String = "") {
        self.round = round
        self.step = step
        self.revision = revision
        self.detail = detail
    }
}

package enum JournalStep: String, Hashable, Sendable, CaseIterable {
    case gateClosed, capturing, captured, staging, staged, applying, applied
}

extension DeviceStore {
    /// Replaces the round's earlier note; durable on return. Rounds beyond `Limits.journalRounds` are forgotten, oldest
    /// first.
    package func note(_ note: JournalNote) throws(StoreError) {
        try connection.write { db in
            try db.cachedStatement(
                sql: """
                    INSERT INTO journal(round, step, revision, detail, added)
                    VALUES (?1, ?2, ?3, ?4, (SELECT ifnull(max(added), 0) + 1 FROM journal))
                    ON CONFLICT(round) DO UPDATE SET step = ?2, revision = ?3, detail = ?4
                    """
            ).execute(arguments: [note.round.description, note.step.rawValue, note.revision?.hex, note.detail])
            try db.cachedStatement(
                sql: """
                    DELETE FROM journal WHERE round NOT IN (SELECT round FROM journal ORDER BY added DESC LIMIT ?)
                    """
            ).execute(arguments: [Limits.journalRounds])
        }
    }

    /// The round is over here; nothing of it is half done.
    package func endRound(_ round: RoundID) throws(StoreError) {
        try connection.write { db in
            try db.cachedStatement(sql: "DELETE FROM journal WHERE round = ?").execute(arguments: [round.description])
        }
    }

    /// Rounds that were not ended, in the order in which they were begun.
    package func openRounds() throws(StoreError) -> [JournalNote] {
        try connection.read { db in
            try Row.fetchAll(db, sql: "SELECT round, step, revision, detail FROM journal ORDER BY added").map { row in
                guard let step = JournalStep(rawValue: try row.text(1)) else {
                    throw RowError(reason: "the journal has a step that is not known")
                }
                var revision: Revision?
                if let hex = try row.optionalText(2) {
                    guard let read = Revision(hex: hex) else { throw RowError(reason: "'\(hex)' is no revision") }
                    revision = read
                }
                return JournalNote(
                    round: try RoundID(stored: try row.text(0)), step: step, revision: revision,
                    detail: try row.text(3))
            }
        }
    }
}

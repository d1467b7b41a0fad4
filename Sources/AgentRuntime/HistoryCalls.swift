// The fields have the names that they have in JSON.
// swift-format-ignore-file: AlwaysUseLowerCamelCase

/// Calls that look back, or bring something back.
extension ControlCall {
    /// `UndoCall` -> `UndoReply`, when the round that undoes is over.
    package static let undo = "undo"
    /// `RestoreCall` -> `RestoreReply`.
    package static let restore = "restore"
    /// `PathCall` -> `PathReport`.
    package static let path = "log.path"
}

/// `round`: its number. `dry_run`: only say what would be done.
package struct UndoCall: Codable, Hashable, Sendable {
    package var round: UInt64
    package var dry_run: Bool

    package init(round: UInt64, dry_run: Bool = false) {
        self.round = round
        self.dry_run = dry_run
    }
}

/// Lists of paths are cut at `Limits.pathsInReply`; the counts are of all.
package struct UndoReply: Codable, Hashable, Sendable {
    /// The round that was undone.
    package var undid: UInt64
    /// The round that undid it; nil for a dry run.
    package var round: UInt64?
    package var restored_files: Int
    package var restored: [String]
    /// Changed since: as they are.
    package var left_files: Int
    package var left: [String]
    /// Device names that had no part in it and follow.
    package var left_out: [String]
    package var took_s: Double

    package init(
        undid: UInt64, round: UInt64?, restored_files: Int, restored: [String], left_files: Int, left: [String],
        left_out: [String] = [], took_s: Double = 0
    ) {
        self.undid = undid
        self.round = round
        self.restored_files = restored_files
        self.restored = restored
        self.left_files = left_files
        self.left = left
        self.left_out = left_out
        self.took_s = took_s
    }
}

/// `at`: the number of a round, the name of an imported snapshot, or the beginning of a revision's id.
package struct RestoreCall: Codable, Hashable, Sendable {
    package var path: String
    package var at: String
    package var dry_run: Bool

    package init(path: String, at: String, dry_run: Bool = false) {
        self.path = path
        self.at = at
        self.dry_run = dry_run
    }
}

package struct RestoreReply: Codable, Hashable, Sendable {
    /// As it was understood, e.g. `round 12`.
    package var at: String
    package var revision: String
    package var restored_files: Int
    package var restored: [String]
    /// They have those bytes already.
    package var same_files: Int
    /// As they were: a writer was there first, or something stands in the way.
    package var left: [String]
    /// Holds the bytes that were overwritten, if no round has published them.
    package var capture: String?
}

package struct PathCall: Codable, Hashable, Sendable {
    package var path: String
    package var limit: Int

    package init(path: String, limit: Int) {
        self.path = path
        self.limit = limit
    }
}

/// Where the bytes of a path went.
package struct PathReport: Codable, Hashable, Sendable {
    package struct Version: Codable, Hashable, Sendable {
        /// Of the blob, or of the tree of a folder.
        package var id: String
        /// As git has it, e.g. `100644`.
        package var mode: String
        package var bytes: Int?
    }

    package struct Brought: Codable, Hashable, Sendable {
        package var device: String
        /// `baton restore PATH --at` takes it.
        package var capture: String
        /// Nil: it deleted the path.
        package var version: Version?
    }

    package struct Conflict: Codable, Hashable, Sendable {
        package var id: String
        package var kind: String
        package var open: Bool
        package var stands: Version?
        package var kept: Version?
        /// Device names; nil: it came with the head.
        package var stands_from: String?
        package var kept_from: String?
    }

    package struct Event: Codable, Hashable, Sendable {
        /// `added`, `changed`, `deleted`, `kept` (a round that says something of it and left it as it was), `captured`
        /// (no round has published it yet), or the kind of an audit row of this device.
        package var kind: String
        package var round: UInt64?
        package var revision: String?
        /// RFC 3339, UTC; of a device's clock.
        package var at: String
        package var age_s: Double
        package var version: Version?
        package var brought: [Brought]
        package var conflicts: [Conflict]
        package var undoes: UInt64?
        package var left_by_undo: Bool
        /// Of a folder: files that changed.
        package var files: Int?
        /// The summary of an audit row.
        package var summary: String?
    }

    package var path: String
    package var now: Version?
    /// Newest first.
    package var events: [Event]
    /// Nothing is known of rounds before this one.
    package var oldest_round: UInt64
}

extension ControlCall {
    /// `SnapshotExportCall` -> `SnapshotExportReply`.
    package static let snapshotExport = "snapshot.export"
    /// `SnapshotNameCall` (a file) -> `SnapshotReport.Item`.
    package static let snapshotImport = "snapshot.import"
    /// `EmptyBody` -> `SnapshotReport`.
    package static let snapshotList = "snapshot.list"
    /// `SnapshotNameCall` -> `EmptyBody`.
    package static let snapshotDrop = "snapshot.drop"
}

/// `file`: an absolute path of a file that is not there yet. `round`: nil for the newest. `since`: leave out what that
/// older round has.
package struct SnapshotExportCall: Codable, Hashable, Sendable {
    package var file: String
    package var round: UInt64?
    package var since: UInt64?

    package init(file: String, round: UInt64?, since: UInt64?) {
        self.file = file
        self.round = round
        self.since = since
    }
}

package struct SnapshotExportReply: Codable, Hashable, Sendable {
    package var round: UInt64
    package var revision: String
    package var bytes: Int64
    package var since: UInt64?
}

package struct SnapshotNameCall: Codable, Hashable, Sendable {
    package var name: String

    package init(name: String) { self.name = name }
}

package struct SnapshotReport: Codable, Hashable, Sendable {
    package struct Item: Codable, Hashable, Sendable {
        /// What `restore --at` takes.
        package var name: String
        package var revision: String
        package var at: String
        package var age_s: Double
        package var files: Int
    }

    package var items: [Item]
    /// Published so far.
    package var rounds: UInt64
    /// All objects of this device's own store, on disk.
    package var store_bytes: Int64
}

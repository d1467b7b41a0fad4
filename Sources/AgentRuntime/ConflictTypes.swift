// The fields have the names that they have in JSON.
// swift-format-ignore-file: AlwaysUseLowerCamelCase

/// The calls about conflicts, and about changes that run code.
extension ControlCall {
    /// `ConflictsCall` -> `ConflictsReport`, a page of what is open.
    package static let conflicts = "conflicts"
    /// `ConflictCall` -> `ConflictReport`.
    package static let conflict = "conflicts.show"
    /// `ConflictExportCall` -> `ConflictExport`: the versions as files in a folder of the caller's.
    package static let conflictExport = "conflicts.export"
    /// `ResolveCall` -> `ResolveReport`, when the choice is in place here and closed everywhere.
    package static let resolve = "conflicts.resolve"
    /// `ApproveCall` -> `ApproveReport`.
    package static let approve = "approve"
}

package struct ConflictsCall: Codable, Hashable, Sendable {
    /// Those with a greater number; nil: from the beginning.
    package var after: UInt64?

    package init(after: UInt64? = nil) { self.after = after }
}

/// `baton conflicts --json`.
package struct ConflictsReport: Codable, Hashable, Sendable {
    package var schema = "baton.conflicts/1"
    /// All that are open, on this page or not.
    package var open: UInt32
    /// Of these, how many came when the list was full: their versions are in the history.
    package var unlisted: UInt32
    package var conflicts: [Conflict]
    /// There are more after the last one here.
    package var has_more: Bool

    package struct Conflict: Codable, Hashable, Sendable {
        /// What people call it: the same on every device, never used twice.
        package var number: UInt64
        package var id: String
        /// Nil: the revision that tells of it is not on this device yet.
        package var path: String?
        /// `content`, `added`, `type`, `file-and-folder`.
        package var kind: String?
        package var round: UInt64
        /// Of the version that was captured last.
        package var age_s: Double?
        /// The version that stood when the conflict arose, then the other.
        package var versions: [Version]
        /// What is in the file here, now: `first`, `second`, `edited`, `gone`, `folder`.
        package var standing: String?
    }

    package struct Version: Codable, Hashable, Sendable {
        package var device: String?
        package var name: String
        /// Nil: no file.
        package var bytes: Int?
        /// Lines, against what both began with; nil if they cannot be counted.
        package var added: Int?
        package var removed: Int?
        package var captured_at: String?
        package var age_s: Double?
    }
}

package struct ConflictCall: Codable, Hashable, Sendable {
    /// A number, an id or the beginning of one, or the path of the only conflict there.
    package var conflict: String

    package init(conflict: String) { self.conflict = conflict }
}

package struct ConflictReport: Codable, Hashable, Sendable {
    package var schema = "baton.conflict/1"
    package var conflict: ConflictsReport.Conflict
    /// Hunks of a unified difference between the two versions; nil if there are none to show.
    package var difference: String?
    package var is_cut: Bool
}

package struct ConflictExportCall: Codable, Hashable, Sendable {
    package var conflict: String
    /// Absolute; the files `base`, `ours`, `theirs` and `merged` are written into it.
    package var folder: String

    package init(conflict: String, folder: String) {
        self.conflict = conflict
        self.folder = folder
    }
}

package struct ConflictExport: Codable, Hashable, Sendable {
    package var conflict: ConflictsReport.Conflict
    /// `merged` has marked places.
    package var has_markers: Bool
}

package struct ResolveCall: Codable, Hashable, Sendable {
    package var conflict: String
    /// A device, `both`, or a file.
    package var take: String
    /// `take` as an absolute path, for the case that it is a file.
    package var file: String?

    package init(conflict: String, take: String, file: String? = nil) {
        self.conflict = conflict
        self.take = take
        self.file = file
    }
}

package struct ResolveReport: Codable, Hashable, Sendable {
    package var number: UInt64
    package var id: String
    package var path: String
    /// `device`, `both`, `file`.
    package var choice: String
    /// The device whose version was taken.
    package var name: String?
    /// The file here was written; false: it had these bytes already.
    package var was_written: Bool
    /// What it had was neither version; those bytes are kept.
    package var was_edited: Bool
    /// Where the other version stands now.
    package var copy: String?
    /// Other conflicts of the same file that are still open.
    package var also_open: [UInt64]
    /// Set: the choice stands here, but somebody else closed the conflict at the same moment.
    package var was_closed_elsewhere: Bool
}

/// No path and not `all`: only lists.
package struct ApproveCall: Codable, Hashable, Sendable {
    package var paths: [String]
    package var all: Bool
    /// With the difference of each.
    package var differences: Bool

    package init(paths: [String], all: Bool, differences: Bool) {
        self.paths = paths
        self.all = all
        self.differences = differences
    }
}

package struct ApproveReport: Codable, Hashable, Sendable {
    package var schema = "baton.approve/1"
    /// What waits still.
    package var waiting: [Waiting]
    package var approved: [String]
    /// Left alone, because somebody edited or holds them.
    package var late: [String]

    package struct Waiting: Codable, Hashable, Sendable {
        package var path: String
        /// There is no such file here yet.
        package var is_new: Bool
        package var added: Int?
        package var removed: Int?
        package var difference: String?
    }
}

import Primitives

/// What one device brings to a round.
package struct DeviceCapture: Hashable, Sendable {
    package var device: DeviceID
    package var revision: Revision
    /// What its working tree had really been brought to; nil for a tree that never was.
    package var base: Revision?

    package init(device: DeviceID, revision: Revision, base: Revision?) {
        self.device = device
        self.revision = revision
        self.base = base
    }
}

/// Both versions of a path that two sides changed differently. The one that stands in the tree is `ours`; the other is
/// kept as an object, reachable from the merge commit and by the refs of this id.
package struct Conflict: Hashable, Sendable {
    package enum Kind: String, Sendable, CaseIterable {
        /// Both changed the bytes.
        case content
        /// Both added the path.
        case added
        /// One has a file where the other has a folder.
        case fileAndFolder = "file-and-folder"
        /// A file, a link or an executable bit against another.
        case type
        /// One edited, one deleted; the edit stands. A note, not an open question.
        case editedAndDeleted = "edited-and-deleted"
        /// Settled by a policy of the path; the version that did not win is kept. A note.
        case settled = "settled-by-policy"
    }

    package var id: String
    package var path: [UInt8]
    package var kind: Kind
    package var base: TreeEntry?
    package var ours: TreeEntry?
    package var theirs: TreeEntry?
    /// Nil if `ours` came with the published head.
    package var oursDevice: DeviceID?
    package var theirsDevice: DeviceID

    /// The id as the log carries it.
    package var shortID: ShortID? { ShortID(hex: id) }

    /// A person has to choose.
    package var isOpen: Bool { kind != .editedAndDeleted && kind != .settled }
}

package struct MergeResult: Hashable, Sendable {
    package var revision: Revision
    /// Against the head that was merged into.
    package var changedFiles: Int
    package var conflicts: [Conflict]
    /// Set: somebody has to be asked before this is published.
    package var brake: DeletionSet?
    /// Set if a round was undone on top of the merge.
    package var undo: UndoOutcome?

    package init(revision: Revision, changedFiles: Int, conflicts: [Conflict], brake: DeletionSet? = nil) {
        self.brake = brake
        self.revision = revision
        self.changedFiles = changedFiles
        self.conflicts = conflicts
    }
}

import Primitives

/// A published round that a person wants undone: its number for people, its revision for the store.
package struct UndoTarget: Hashable, Sendable {
    package var number: UInt64
    package var revision: Revision

    package init(number: UInt64, revision: Revision) {
        self.number = number
        self.revision = revision
    }
}

/// What an undo came to.
package struct UndoReport: Hashable, Sendable {
    /// Of the round that was undone.
    package var number: UInt64
    /// Paths that are again what they were before it.
    package var restoredFiles: UInt32
    /// Paths that were changed since, and stayed.
    package var leftFiles: UInt32

    package init(number: UInt64, restoredFiles: UInt32 = 0, leftFiles: UInt32 = 0) {
        self.number = number
        self.restoredFiles = restoredFiles
        self.leftFiles = leftFiles
    }
}

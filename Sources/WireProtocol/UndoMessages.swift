import Primitives
import SyncRounds

extension UndoTarget {
    var wire: WireUndoTarget {
        WireUndoTarget.with {
            $0.number = number
            $0.revision = Write.revision(revision)
        }
    }

    init(_ wire: WireUndoTarget) throws(WireError) {
        self.init(
            number: try Read.number(wire.number, "undo.number"),
            revision: try Read.revision(wire.revision, "undo.revision"))
    }
}

extension UndoReport {
    var wire: WireUndoReport {
        WireUndoReport.with {
            $0.number = number
            $0.restoredFiles = Write.count(restoredFiles)
            $0.leftFiles = Write.count(leftFiles)
        }
    }

    init(_ wire: WireUndoReport) throws(WireError) {
        self.init(
            number: try Read.number(wire.number, "undo.number"),
            restoredFiles: try Read.count(wire.restoredFiles, "undo.restored_files"),
            leftFiles: try Read.count(wire.leftFiles, "undo.left_files"))
    }
}

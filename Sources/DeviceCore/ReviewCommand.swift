import Primitives

/// What people are asked about the workspace, and what they answer. One answer counts for the whole mesh.
package enum ReviewCommand: Hashable, Sendable {
    /// The conflict is settled; the bytes go with the next round, like any edit.
    case resolve(ShortID, ResolutionChoice)
    /// A device holds deletions back until somebody says that they were meant.
    case brake(DeletionBrake)
    /// It does so no more: they were taken back, or are published.
    case lift(DeviceID, ofRound: Bool)
    /// These very deletions were meant.
    case allowDeletions(ShortID)
}

/// How a person settled a conflict; for the audit.
package enum ResolutionChoice: Hashable, Sendable {
    /// This device's version.
    case device(DeviceID)
    /// Both, as two files.
    case both
    /// Other bytes: an edit, or a file.
    case content
}

/// Deletions that are too many to be published unasked.
package struct DeletionBrake: Hashable, Sendable {
    /// Where the files are gone, or who leads the round.
    package var device: DeviceID
    /// Of what several devices deleted in one round, rather than of one device.
    package var ofRound: Bool
    /// Names the set of deleted paths: another set is another question.
    package var id: ShortID
    package var deleted: UInt32
    /// Files before.
    package var files: UInt32
    /// Who said that they were meant; nil while nobody did.
    package var allowedBy: DeviceID?

    package init(
        device: DeviceID, ofRound: Bool, id: ShortID, deleted: UInt32, files: UInt32, allowedBy: DeviceID? = nil
    ) {
        self.device = device
        self.ofRound = ofRound
        self.id = id
        self.deleted = deleted
        self.files = files
        self.allowedBy = allowedBy
    }

    func precedes(_ other: DeletionBrake) -> Bool {
        device == other.device ? !ofRound && other.ofRound : device < other.device
    }
}

/// What a review command changed.
package enum ReviewEvent: Hashable, Sendable {
    case resolved(OpenConflict, ResolutionChoice, by: DeviceID)
    case braked(DeletionBrake)
    case lifted(DeletionBrake)
    case allowed(DeletionBrake, by: DeviceID)
}

extension MeshState {
    mutating func apply(_ command: ReviewCommand, by device: DeviceID, _ change: inout MeshChange) {
        switch command {
        case .resolve(let id, let choice):
            guard let closed = conflicts.close(id) else { return change.outcome = .refused(.notOpen) }
            change.review = .resolved(closed, choice, by: device)
        case .brake(let brake): put(brake, &change)
        case .lift(let device, let ofRound):
            guard let place = brakes.firstIndex(where: { $0.device == device && $0.ofRound == ofRound }) else { return }
            change.review = .lifted(brakes.remove(at: place))
        case .allowDeletions(let id):
            guard brakes.contains(where: { $0.id == id }) else { return change.outcome = .refused(.notOpen) }
            for place in brakes.indices where brakes[place].id == id && brakes[place].allowedBy == nil {
                brakes[place].allowedBy = device
                change.review = .allowed(brakes[place], by: device)
            }
        }
    }

    /// The same question again keeps its answer, whoever asks it: another leader of the same round, say.
    private mutating func put(_ brake: DeletionBrake, _ change: inout MeshChange) {
        guard record(of: brake.device) != nil else { return change.outcome = .refused(.removedDevice) }
        var asked = brake
        asked.allowedBy = brakes.first { $0.id == brake.id }?.allowedBy
        if let place = brakes.firstIndex(where: { $0.device == brake.device && $0.ofRound == brake.ofRound }) {
            guard brakes[place] != asked else { return }
            brakes[place] = asked
        } else {
            brakes.insert(asked, at: brakes.firstIndex { asked.precedes($0) } ?? brakes.endIndex)
        }
        change.review = .braked(asked)
    }
}

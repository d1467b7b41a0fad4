import Consensus
import DeviceCore
import Primitives

// What is on a device's disk, and how an update changes it.

extension DevicePersistentState {
    func entry(at index: LogIndex) -> MeshEntry? {
        guard let first = raft.entries.first?.index, index >= first else { return nil }
        let place = Int(index - first)
        return place < raft.entries.count ? raft.entries[place] : nil
    }

    /// The term of the entry at `index`; nil if it is not known.
    func term(at index: LogIndex) -> Term? {
        if index == .zero { return .zero }
        if let snapshot = raft.snapshot, snapshot.index == index { return snapshot.term }
        return entry(at: index)?.term
    }

    var lastTerm: Term { raft.entries.isEmpty ? .zero : raft.entries[raft.entries.count - 1].term }

    /// Every entry up to `index` is here, or a snapshot that holds it.
    func holdsUpTo(_ index: LogIndex) -> Bool {
        if !raft.entries.isEmpty, raft.entries[raft.entries.count - 1].index >= index { return true }
        return raft.snapshot.map { index <= $0.index } ?? (index == .zero)
    }

    /// The entry is here, or a snapshot that holds it.
    func holds(_ index: LogIndex, _ term: Term) -> Bool {
        if let snapshot = raft.snapshot, snapshot.index >= index { return true }
        return entry(at: index)?.term == term
    }
}

extension DevicePersistentState {
    /// The first start of a device: the founder is a mesh of one, the others wait to be added.
    static func initial(of device: DeviceID, founds: Bool) -> DevicePersistentState {
        guard founds else { return DevicePersistentState(raft: .joining(image: MeshState())) }
        let image = MeshState.founding(.simulated(device))
        return DevicePersistentState(raft: .founding(device, image: image))
    }

    mutating func apply(_ update: DeviceUpdate) {
        raft.apply(update.raft)
        if let acceptedToken = update.acceptedToken { self.acceptedToken = acceptedToken }
        if let stops = update.stops { self.stops = stops }
        if let isStray = update.isStray { self.isStray = isStray }
    }
}

extension PersistentUpdate {
    /// The term of an entry of this update.
    func term(at index: LogIndex) -> Term? {
        guard let first = entries.first?.index, index >= first else { return nil }
        let place = Int(index - first)
        return place < entries.count ? entries[place].term : nil
    }
}

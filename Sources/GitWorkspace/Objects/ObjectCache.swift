import Synchronization

/// Objects that were lately written, received or read. What one phase of a round made, the next one reads: so most
/// questions of a round never reach git. Bounded by bytes; safe from any thread.
final class ObjectCache: Sendable {
    private struct State {
        var young: [ObjectID: StoredObject] = [:]
        var old: [ObjectID: StoredObject] = [:]
        var youngBytes = 0
    }

    private let state = Mutex(State())
    private let generationBytes: Int

    /// Two generations of this many bytes; the older goes when the younger is full.
    init(generationBytes: Int = 2 << 20) { self.generationBytes = generationBytes }

    subscript(_ id: ObjectID) -> StoredObject? {
        state.withLock { state in
            if let object = state.young[id] { return object }
            guard let object = state.old[id] else { return nil }
            insert(id, object, &state)
            return object
        }
    }

    /// What is in it may be gone from the store.
    func removeAll() { state.withLock { $0 = State() } }

    /// Only what is in the store, whole and durable.
    func insert(_ id: ObjectID, _ object: StoredObject) { state.withLock { insert(id, object, &$0) } }

    private func insert(_ id: ObjectID, _ object: StoredObject, _ state: inout State) {
        let bytes = object.bytes.count + 64
        if bytes > generationBytes / 8 || state.young[id] != nil { return }
        if state.youngBytes + bytes > generationBytes {
            state.old = state.young
            state.young = [:]
            state.youngBytes = 0
        }
        state.young[id] = object
        state.youngBytes += bytes
    }
}

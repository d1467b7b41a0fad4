import Primitives

/// A person's word that syncing stops, until somebody takes it back or its time is over.
package struct StopOrder: Hashable, Sendable {
    package enum Kind: String, Hashable, Sendable {
        /// No round is led from here, and this device takes part in none.
        case pause
        /// The same, and at once: writers are released first, locks are dropped.
        case emergency
    }

    package var kind: Kind
    package var by: DeviceID
    /// Unix milliseconds on the clock of whoever gave it: shown to people, compared with nothing.
    package var at: UInt64
    package var why: String
    /// What is left of its time, at most `Limits.longestStop`; nil: until somebody resumes.
    package var left: Duration?

    package init(kind: Kind, by: DeviceID, at: UInt64, why: String, left: Duration? = nil) {
        self.kind = kind
        self.by = by
        self.at = at
        self.why = why
        self.left = left.map { min(max($0, .zero), Limits.longestStop) }
    }
}

/// The mesh's stop: a register that devices tell each other, without a quorum (decision 0024). The newer version wins;
/// of two equally new ones the one that stops more.
package struct MeshStop: Hashable, Sendable {
    package var version: UInt64
    /// Who wrote this version; nil for the first, which nobody wrote.
    package var by: DeviceID?
    package var order: StopOrder?

    package init(version: UInt64 = 0, by: DeviceID? = nil, order: StopOrder? = nil) {
        self.version = version
        self.by = by
        self.order = order
    }

    package func isNewer(than other: MeshStop) -> Bool {
        if version != other.version { return version > other.version }
        if weight != other.weight { return weight > other.weight }
        guard let by, let others = other.by else { return by != nil && other.by == nil }
        return by > others
    }

    private var weight: Int {
        switch order?.kind {
        case nil: 0
        case .pause: 1
        case .emergency: 2
        }
    }
}

/// What stops this device; durable, so that a restarted agent is still stopped.
package struct StopState: Hashable, Sendable {
    /// For this device alone.
    package var here: StopOrder?
    package var mesh: MeshStop

    package init(here: StopOrder? = nil, mesh: MeshStop = MeshStop()) {
        self.here = here
        self.mesh = mesh
    }

    /// The order that counts: an emergency before everything else.
    package var order: StopOrder? { mesh.order?.kind == .emergency ? mesh.order : here ?? mesh.order }
    /// Whether the order that counts stops every device.
    package var isForAll: Bool { mesh.order != nil && (here == nil || mesh.order?.kind == .emergency) }
}

package enum StopEvent: Hashable, Sendable {
    case stopped(StopOrder, everywhere: Bool)
    /// `by` is nil where the time was over.
    case resumed(by: DeviceID?, everywhere: Bool)
}

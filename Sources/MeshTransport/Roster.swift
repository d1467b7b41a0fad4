import Primitives
import Synchronization

/// Who may talk to this device: the members' ids, and the removed ones that never come back.
///
/// Filled from the replicated membership. Safe from any thread; a change cuts the links it forbids at once.
package final class Roster: Sendable {
    package enum Standing: Hashable, Sendable { case member, removed, stranger }

    private struct State {
        var members: Set<DeviceID>
        var removed: Set<DeviceID>
        var observers: [@Sendable () -> Void] = []
    }
    private let state: Mutex<State>

    package init(members: Set<DeviceID> = [], removed: Set<DeviceID> = []) {
        state = Mutex(State(members: members, removed: removed))
    }

    /// Replaces both sets. A device in both counts as removed.
    package func update(members: Set<DeviceID>, removed: Set<DeviceID>) {
        let observers = state.withLock { state in
            state.members = members
            state.removed = removed
            return state.observers
        }
        for observer in observers { observer() }
    }

    package func standing(of device: DeviceID) -> Standing {
        state.withLock { state in
            if state.removed.contains(device) { return .removed }
            return state.members.contains(device) ? .member : .stranger
        }
    }

    func isMember(_ device: DeviceID) -> Bool { standing(of: device) == .member }

    /// Calls after every change, on the thread that made it, for as long as the roster lives.
    func observe(_ observer: @escaping @Sendable () -> Void) {
        state.withLock { $0.observers.append(observer) }
    }
}

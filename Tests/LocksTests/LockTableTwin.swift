import Locks
import Primitives

/// The lock table as somebody would write it who never cares for speed: one list of everything in the order in which it
/// came. The property test compares it with the real one after every command.
struct LockTableTwin {
    struct Row {
        var name: LockName
        var device: DeviceID
        var ttl: Duration
        /// Nil for a waiter.
        var token: FencingToken?
    }

    var rows: [Row] = []
    var granted: UInt64 = 0

    func holder(_ name: LockName) -> Row? { rows.first { $0.name == name && $0.token != nil } }
    func waiting(_ name: LockName) -> [Row] { rows.filter { $0.name == name && $0.token == nil } }
    private func grant(_ row: Row) -> Grant? { row.token.map { Grant(holder: row.device, token: $0, ttl: row.ttl) } }

    private mutating func newToken() -> FencingToken {
        granted += 1
        return FencingToken(epoch: 1, counter: granted)
    }

    mutating func apply(_ command: LockCommand, term: Term) -> LockOutcome {
        switch command {
        case .acquire(let name, let device, let ttl, let waits): return acquire(name, device, ttl, waits)
        case .release(let name, let token): return end(name, token, to: waiting(name).first)
        case .expire(let name, let token, let proposed):
            return proposed == term ? end(name, token, to: waiting(name).first) : .refused(.staleTerm)
        case .transfer(let name, let token, let to):
            guard let old = holder(name) else { return .refused(.notHeld) }
            let outcome = end(name, token, to: Row(name: name, device: to, ttl: old.ttl))
            guard outcome == .done, let new = holder(name), let grant = grant(new) else { return outcome }
            return .granted(grant)
        case .cancel(let name, let device):
            rows.removeAll { $0.name == name && $0.device == device && $0.token == nil }
            return .done
        case .forget(let device):
            rows.removeAll { $0.device == device && $0.token == nil }
            return .done
        }
    }

    private mutating func acquire(_ name: LockName, _ device: DeviceID, _ ttl: Duration, _ waits: Bool) -> LockOutcome {
        if let held = holder(name), let grant = grant(held) {
            if held.device == device { return .granted(grant) }
            if !waits { return .refused(.held(by: grant)) }
            if !waiting(name).contains(where: { $0.device == device }) {
                rows.append(Row(name: name, device: device, ttl: ttl))
            }
            let place = waiting(name).firstIndex { $0.device == device }
            return .queued(position: (place ?? -1) + 1)
        }
        let token = newToken()
        rows.append(Row(name: name, device: device, ttl: ttl, token: token))
        return .granted(Grant(holder: device, token: token, ttl: ttl))
    }

    private mutating func end(_ name: LockName, _ token: FencingToken, to next: Row?) -> LockOutcome {
        guard let old = holder(name) else { return .refused(.notHeld) }
        guard old.token == token else { return .refused(.staleToken(current: old.token, given: token)) }
        rows.removeAll { $0.name == name && $0.token != nil }
        if var next {
            rows.removeAll { $0.name == name && $0.device == next.device }
            next.token = newToken()
            rows.append(next)
        }
        return .done
    }
}
